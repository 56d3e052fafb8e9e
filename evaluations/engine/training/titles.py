"""What the recipes are called: apart from them, for pages do without the libraries that they need."""

TITLES = {
    "dummy": "Always the same answer",
    "linear": "Linear model",
    "words": "Word counts and a linear model",
    "forest": "Random forest",
    "boosting": "Gradient boosting",
}
