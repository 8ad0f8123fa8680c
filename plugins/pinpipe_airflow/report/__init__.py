"""The HTML report: how fresh the data is, volumes, differences, what was quarantined and why, warnings, answers.

All of it comes from receipts, so it costs small reads and shows what the jobs themselves vouch for.
"""
