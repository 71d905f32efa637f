"""What the promises about speed cost, each as a ratio of two commands that take turns in one run."""
