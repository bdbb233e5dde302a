at='before the first step'

say() { # STEP
  at=$1
  printf '== %s\n' "$1"
}

stop() { # WHY
  printf 'stopped at: %s: %s\n' "$at" "$1" >&2
  printf 'Nothing after this was done. Plan again and run the new runbook, not this one.\n' >&2
  exit 1
}

manage() { # COMMAND WORD...
  local said
  printf '+ awx-manage'
  printf ' %q' "$@"
  printf '\n'
  said=$("${awx_manage[@]}" "$@" </dev/null) || stop "awx-manage $1 failed: $said"
  printf '%s\n' "$said"
  # Some of its commands tell of an error and end as if there were none.
  case $1:$said in
    register_peers:* | *'(changed: True)'*) ;;
    *) stop "awx-manage $1 changed nothing" ;;
  esac
}

# Options of curl, which reads them from a pipe: no secret stands on a command line.
credentials() {
  local secret
  if [[ -n ${CONTROLLER_OAUTH_TOKEN-} ]]; then
    secret=${CONTROLLER_OAUTH_TOKEN//\\/\\\\}
    printf 'header = "Authorization: Bearer %s"\n' "${secret//\"/\\\"}"
  else
    secret=$CONTROLLER_USERNAME:$CONTROLLER_PASSWORD
    secret=${secret//\\/\\\\}
    printf 'user = "%s"\n' "${secret//\"/\\\"}"
  fi
  case ${CONTROLLER_VERIFY_SSL-} in
    false | False | FALSE | no | No | NO | off | 0) printf 'insecure\n' ;;
  esac
}

request() { # METHOD PATH [BODY]
  local answer
  answer=$(curl --silent --show-error --globoff --max-time 300 --config <(credentials) --request "$1" \
    ${3+--header 'Content-Type: application/json' --data-raw "$3"} --write-out '\n%{http_code}' "$api$2") || stop "$1 $2: no answer"
  case ${answer##*$'\n'} in
    2??) printf '%s\n' "${answer%$'\n'*}" ;;
    *) stop "$1 $2: $answer" ;;
  esac
}

patch() { # ID BODY
  printf '+ PATCH instances/%s/ %s\n' "$1" "$2"
  request PATCH "instances/$1/" "$2" >/dev/null
}

id_of() { # HOSTNAME
  local answer
  answer=$(request GET "instances/?hostname=$1")
  [[ $answer =~ \"count\":\ *1[,}] && $answer =~ /instances/([0-9]+)/ ]] || stop "$1 is not on the controller"
  printf '%s\n' "${BASH_REMATCH[1]}"
}

expect() { # COUNT QUERY
  local answer
  answer=$(request GET "instances/?page_size=1&$2")
  [[ $answer =~ \"count\":\ *([0-9]+) && ${BASH_REMATCH[1]} == "$1" ]] || stop 'other instances are there than when this was planned'
}

wait_until_idle() { # ID
  local answer
  answer=$(request GET "instances/$1/")
  until [[ $answer =~ \"jobs_running\":\ *0[,}] ]]; do
    sleep 10
    answer=$(request GET "instances/$1/")
  done
}
