"""Addresses of the billing pages."""

from django.urls import path

from billing.views import bills, budgets, compute, rules, spend

app_name = "billing"
urlpatterns = [
    path("spend/", spend.spend, name="spend"),
    path("spend/lines/", spend.spend_lines, name="spend-lines"),
    path("spend/lines/<uuid:bill_import_id>/", spend.spend_line, name="spend-line"),
    path("spend/export/", spend.spend_export, name="spend-export"),
    path("spend/bills/", bills.bill_list, name="bill-list"),
    path("spend/bills/new/", bills.bill_new, name="bill-new"),
    path("spend/bills/<uuid:bill_id>/close/", bills.bill_close, name="bill-close"),
    path("spend/bills/<uuid:bill_id>/reopen/", bills.bill_reopen, name="bill-reopen"),
    path("spend/imports/<uuid:bill_import_id>/", bills.bill_import, name="bill-import"),
    path("spend/imports/<uuid:bill_import_id>/commit/", bills.bill_commit, name="bill-commit"),
    path("spend/imports/<uuid:bill_import_id>/discard/", bills.bill_discard, name="bill-discard"),
    path("spend/imports/<uuid:bill_import_id>/read/", bills.bill_read_again, name="bill-read-again"),
    path("spend/imports/<uuid:bill_import_id>/mapping/", bills.bill_mapping, name="bill-mapping"),
    path("spend/imports/<uuid:bill_import_id>/file/", bills.bill_file, name="bill-file"),
    path("spend/rules/", rules.rule_list, name="rule-list"),
    path("spend/rules/new/", rules.rule_new, name="rule-new"),
    path("spend/rules/preview/", rules.rule_preview, name="rule-preview"),
    path("spend/rules/<uuid:spend_rule_id>/", rules.rule_edit, name="rule-edit"),
    path("spend/rules/<uuid:spend_rule_id>/move/", rules.rule_move, name="rule-move"),
    path("spend/rules/<uuid:spend_rule_id>/delete/", rules.rule_delete, name="rule-delete"),
    path("spend/budgets/", budgets.budget_list, name="budget-list"),
    path("spend/budgets/new/", budgets.budget_new, name="budget-new"),
    path("spend/budgets/<uuid:budget_id>/", budgets.budget_edit, name="budget-edit"),
    path("spend/budgets/<uuid:budget_id>/delete/", budgets.budget_delete, name="budget-delete"),
    path("spend/compute/", compute.spend_compute, name="spend-compute"),
    path("spend/compute/new/", compute.compute_new, name="spend-compute-new"),
    path("spend/compute/<uuid:compute_entry_id>/", compute.compute_edit, name="spend-compute-edit"),
    path("spend/compute/<uuid:compute_entry_id>/delete/", compute.compute_delete, name="spend-compute-delete"),
    path("spend/rates/new/", compute.rate_new, name="spend-rate-new"),
    path("spend/rates/<uuid:rate_id>/", compute.rate_edit, name="spend-rate-edit"),
    path("spend/rates/<uuid:rate_id>/delete/", compute.rate_delete, name="spend-rate-delete"),
]
