"""Make a GoodNet: python -m repair.sunglasses (or .anonymous, .multitrigger) --help"""
