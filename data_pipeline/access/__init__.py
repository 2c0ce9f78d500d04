"""Who may look and who may act: accounts, sign-in, sessions, roles, and the rule about addresses.

Without an access file the web serves this machine only (loopback); a role can be chosen on the page and is
shown as 未认证. With one (`python -m data_pipeline access add …`) every page, API call and WebSocket needs a sign-in.
"""

from data_pipeline.access.accounts import (
    ROLES,
    Account,
    add_account,
    check_password,
    read_accounts,
    remove_account,
    set_password,
)
from data_pipeline.access.gate import AccessGate, check_bind, install_access
from data_pipeline.access.state import Access, LoginView, User, current_user, require

__all__ = [
    "ROLES",
    "Access",
    "AccessGate",
    "Account",
    "LoginView",
    "User",
    "add_account",
    "check_bind",
    "check_password",
    "current_user",
    "install_access",
    "read_accounts",
    "remove_account",
    "require",
    "set_password",
]
