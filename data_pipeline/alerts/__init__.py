"""Alerts: rules of the pack (`alerts.toml`) → alerts in the store.

`evaluate` runs at the end of every commit, inside its transaction. `set_state` is a person's change.
"""

from data_pipeline.alerts.evaluate import evaluate
from data_pipeline.alerts.rules import Condition, Rule, load_rules, rule_problems
from data_pipeline.alerts.state import AlertRow, history, present, set_state

__all__ = ["AlertRow", "Condition", "Rule", "evaluate", "history", "load_rules", "present", "rule_problems", "set_state"]
