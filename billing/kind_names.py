"""The names of the second storey's kinds of background work."""

READ_BILL = "billing.read_bill"
COMMIT_BILL = "billing.commit_bill"
ALLOCATE = "billing.allocate"
CHECK_BUDGETS = "billing.check_budgets"
