"""Scopes, estimates and the contract ledger as plain values; no Django and no database here."""
