#!/bin/sh
# Chromium and CJK fonts for the browser tests: through apt where it may, else say what to install.
set -u
missing=""
command -v chromium >/dev/null 2>&1 || missing="chromium"
fc-list 2>/dev/null | grep -qi "noto sans cjk" || missing="$missing fonts-noto-cjk"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null && exit 0
fi
echo "The browser tests need these Debian packages:$missing"
echo "  sudo apt-get install -y $missing"
echo "Without them those tests are skipped, saying so."
exit 0
