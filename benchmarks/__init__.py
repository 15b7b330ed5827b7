"""Speed and memory of a GoodNet, side by side with what a user would run instead."""
