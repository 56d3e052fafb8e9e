"""How many decimals a figure, its bounds and its promise are written with: one rule for bars and sentences."""

from collections.abc import Iterable

LARGE = 100.0  # from here on figures are in units of the target and need fewer decimals
USUAL, FEW, MOST = 3, 1, 7


def decimals(threshold: float, figures: Iterable[float | None]) -> int:
    """Give the decimals with which the promise reads as it was made, and no other figure looks the same as it."""
    others = [each for each in figures if each is not None and each != threshold]
    usual = FEW if max(map(abs, [threshold, *others])) >= LARGE else USUAL
    for digits in range(usual, MOST):
        goal = f"{threshold:.{digits}f}"
        if float(goal) == threshold and all(f"{each:.{digits}f}" != goal for each in others):
            return digits
    return MOST
