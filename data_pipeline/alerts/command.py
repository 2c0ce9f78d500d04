"""A person's change of an alert, handed from a page or the API to the running pipeline through the inbox.

Pages never write the store. They call `ask_state`; the pipeline's desk (`ingest/desk.py`, kind
`alert_state`) calls `set_state` inside a commit of its own, so the change appears in the next snapshot.
"""

from __future__ import annotations

from data_pipeline.alerts.state import State
from data_pipeline.home import Home
from data_pipeline.store import inbox

KIND = "alert_state"


def ask_state(home: Home, alert_id: str, state: State, by: str, note: str = "", timeout_s: float = 30.0) -> int | None:
    """Ask the running pipeline to change an alert; waits for its answer.

    Parameters
    ----------
    state : open, in_hand or closed
    by : name of the person, as signed in

    Returns
    -------
    int or None
        The snapshot in which the change appears.

    Raises
    ------
    UsageError
        The change is not allowed, with the pipeline's words (see `set_state`).
    StoreBusy
        No pipeline runs on this store, or it did not answer in time.
    """
    arguments = {"alert_id": alert_id, "state": state, "by": by, "note": note}
    return inbox.ask(home, KIND, arguments, timeout_s=timeout_s)["snapshot"]
