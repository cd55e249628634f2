# The short way to everything; each line works by itself, too. `make` alone says what there is.
NODE := scripts/node
# Written by npm at the end of an installation: older than the lock file means out of date.
INSTALLED := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help run test check services drill clean

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

run: $(INSTALLED) ## PostgreSQL, API and worker on this machine; Ctrl-C stops them
	@exec $(NODE) server/src/main.ts up

test: $(INSTALLED) ## what guards every change; outages, Schemathesis and PostgreSQL 15 are in .ci/run
	@exec $(NODE) scripts/test.ts

check: $(INSTALLED) ## types, lint, format, unused code
	@exec $(NODE) --run check

services: ## real services on this machine for the tests; scripts/services/stop ends them
	@exec scripts/services/start

drill: $(INSTALLED) ## the long tests: kills, races, Schemathesis; MESSAGING=rabbitmq|redis|sqs kills that broker instead
	@$(NODE) scripts/drill.ts $(if $(MESSAGING),--messaging $(MESSAGING))
	@$(if $(MESSAGING),:,exec $(NODE) scripts/schemathesis.ts --seed random)

clean: ## what can be made again; data stays
	rm -rf node_modules */node_modules coverage reports
	@test ! -d .shopfloor || echo "kept: .shopfloor, the database and secrets; 'rm -r .shopfloor' deletes them"

# The version of npm that a machine has may not know all that a newer one writes; `ci` changes nothing in the lock file.
$(INSTALLED): package-lock.json
	npm ci
	@touch $@
