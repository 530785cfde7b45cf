#!/bin/sh
# fastapi.sh: becomes the guide's own application, in Python, to which nginx leads /fastapi/ (FASTAPI=1): what the page
# measures beside Lanes. Of run.sh's, with which it ends.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

application=$(cat tests/oracle/app.py) && cd "$RUN_DIR" || exit
give_up_root
# As text: who gave up root need not be allowed into the project's folder.
# shellcheck disable=SC2086 # words
exec spawn-fcgi -n -s fastapi.sock -M 0660 $owner -- $drop "$(command -v setpriv)" --pdeathsig TERM \
	/usr/bin/python3 -I -c "$application

import os, uvicorn
uvicorn.run(app, fd=os.dup(0), log_level='error')"
