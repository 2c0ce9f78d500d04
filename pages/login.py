"""Sign-in page: who are you, and what may you do? Plain HTML without scripts, made by the server.

With an access file it asks for name and password; on this machine without one a role is chosen
and marked 未认证.
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from fastapi import FastAPI

from components.i18n import Lang, t
from data_pipeline import access
from data_pipeline.access import Access, LoginView, User
from data_pipeline.home import Home


def install_access(server: FastAPI, home: Home) -> Access:
    """Put the access gate before a server, with this sign-in page. Call it after every other middleware."""
    return access.install_access(server, home, render, role_label)


def role_label(user: User, lang: str) -> str:
    """Name and role of a user for the page header; an unproved role says 未认证."""
    shown: Lang = "en" if lang == "en" else "zh"
    role = t(f"login.role_{user.role}", shown)
    if not user.authenticated:
        return t("login.unproved", shown, role=role)
    return t("login.proved", shown, name=user.name, role=role)


def render(view: LoginView) -> str:
    """The sign-in (or sign-out) page as one HTML document.

    Parameters
    ----------
    view : LoginView
        Language, message and form token; every text in it is escaped here.
    """
    lang: Lang = "en" if view.lang == "en" else "zh"
    heading = "login.sign_out" if view.ask_sign_out else "login.sign_in" if view.protected else "login.choose"
    theme = (parse_qs(urlsplit(view.next).query).get("theme") or [""])[-1]
    theme_attribute = f' data-theme="{theme}"' if theme in ("dark", "light") else ""
    if view.ask_sign_out:
        form = _sign_out_form(view, lang)
    elif view.protected:
        form = _password_form(view, lang)
    else:
        form = _role_form(view, lang)
    other = "en" if lang == "zh" else "zh"
    switch = f"/login?{urlencode({'lang': other, 'next': _with_lang(view.next, other)})}"
    return f"""<!DOCTYPE html>
<html lang="{"zh-CN" if lang == "zh" else "en"}"{theme_attribute}>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(t(heading, lang))} · {escape(t("app.name", lang))}</title>
<link rel="stylesheet" href="/assets/tokens.css"><link rel="stylesheet" href="/assets/login.css"></head>
<body class="login-body"><main class="login-box">
<p class="login-product">{escape(t("app.name", lang))}</p>
<h1>{escape(t(heading, lang))}</h1>
{_message(view, lang)}
{form}
<p class="login-foot"><a href="{escape(switch)}" hreflang="{other}">{escape(t("nav.other_lang", lang))}</a></p>
</main></body></html>"""


def _with_lang(target: str, lang: str) -> str:
    """`target` with the language switched, so that the page behind opens in the language just chosen."""
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()} | {"lang": lang}
    return urlunsplit(("", "", parts.path, urlencode(query), ""))


def _message(view: LoginView, lang: Lang) -> str:
    if not view.message:
        return ""
    text = t(f"login.message_{view.message}", lang, minutes=view.wait_minutes)
    kind = "login-note" if view.message == "out" else "login-error"
    return f'<p class="{kind}" role="{"status" if view.message == "out" else "alert"}">{escape(text)}</p>'


def _hidden(view: LoginView) -> str:
    return (
        f'<input type="hidden" name="csrf" value="{escape(view.csrf)}">'
        f'<input type="hidden" name="next" value="{escape(view.next)}">'
    )


def _password_form(view: LoginView, lang: Lang) -> str:
    out = f'<a href="/logout">{escape(t("login.sign_out", lang))}</a>'
    here = f'<p class="login-note">{escape(role_label(view.user, lang))} · {out}</p>' if view.user else ""
    return f"""{here}<form method="post" action="/login">{_hidden(view)}
<label>{escape(t("login.name", lang))}
<input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required autofocus></label>
<label>{escape(t("login.password", lang))}
<input name="password" type="password" autocomplete="current-password" maxlength="256" required></label>
<button type="submit">{escape(t("login.sign_in", lang))}</button></form>
<p class="login-hint">{escape(t("login.hint_protected", lang))}</p>"""


def _role_form(view: LoginView, lang: Lang) -> str:
    chosen = view.user.role if view.user else "view"
    options = "\n".join(
        f'<label class="login-role"><input type="radio" name="role" value="{role}"{" checked" if role == chosen else ""}>'
        f"<span><b>{escape(t(f'login.role_{role}', lang))}</b><br>{escape(t(f'login.may_{role}', lang))}</span></label>"
        for role in view.roles
    )
    department = escape(view.user.department) if view.user else ""
    return f"""<p class="login-note">{escape(t("login.hint_open", lang))}</p>
<form method="post" action="/login">{_hidden(view)}
<fieldset><legend>{escape(t("login.role", lang))}</legend>{options}</fieldset>
<label>{escape(t("login.department", lang))}<input name="department" maxlength="60" value="{department}"></label>
<button type="submit">{escape(t("login.enter", lang))}</button></form>"""


def _sign_out_form(view: LoginView, lang: Lang) -> str:
    who = escape(role_label(view.user, lang)) if view.user else ""
    return f"""<p class="login-note">{who}</p>
<form method="post" action="/logout">{_hidden(view)}
<button type="submit">{escape(t("login.sign_out", lang))}</button></form>
<p class="login-hint"><a href="{escape(view.next)}">{escape(t("login.back", lang))}</a></p>"""
