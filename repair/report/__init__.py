"""One page about GoodNets, to look at: python -m repair.report --output report.html"""
