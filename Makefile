# The launcher does the work; these are its names for those who work on the code.
.PHONY: install up down test lint bench soak gen

install:        ## make .venv with everything for tests and lint
	@./pybernetes install

up:             ## start the default cluster with the example
	@./pybernetes up

down:           ## stop it and clean up
	@./pybernetes down

test:           ## every test; as root, the ones with real containers too
	@./pybernetes test

lint: install   ## style, types, layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

bench: install  ## figures; nothing is asserted
	@for script in $$(grep -l __main__ bench/*.py); do echo "== $$script"; .venv/bin/python "$$script" || exit 1; done

soak: export SOAK = 1
soak: install   ## the tests again and again, until one fails or COUNT (default 10) rounds are over; then random requests and stores under faults
	@for round in $$(seq $${COUNT:-10}); do echo "== round $$round"; ./pybernetes test -x -q || exit 1; done
	FUZZ_EXAMPLES=$${EXAMPLES:-20000} .venv/bin/python -m pytest -q -s --timeout 0 tests/integration/test_fuzz_requests.py \
		tests/integration/test_custom_resources_fuzzed.py tests/unit/apiserver/crd/test_fuzzed_schemas.py
	SECONDS_EACH=$${SECONDS_EACH:-300} .venv/bin/python -m tests.integration.openapi_campaign
	GATEWAY_SEEDS=$${GATEWAY_SEEDS:-500} .venv/bin/python -m pytest -q -s tests/integration/test_gateway_matching.py
	POWER_CUTS=$${CUTS:-100000} .venv/bin/python -m pytest -q -s --timeout 0 tests/sim/store/test_power_loss.py
	WATCH_SECONDS=$${SECONDS_EACH:-300} .venv/bin/python -m pytest -q -s --timeout 0 tests/contract/test_watch_properties.py \
		tests/integration/test_watches_over_http.py
	CAMPAIGN="--rounds $${ROUNDS:-200} --seed $${SEED:-1}" .venv/bin/python -m pytest -q -s tests/sim/store/test_campaign.py -k histories
	unshare --net .venv/bin/python -m tests.sim.store.campaign --store sqlite --faults kill --faults-per-round 5 \
		--rounds $${ROUNDS:-200} --seed $${SEED:-1}
	unshare --net .venv/bin/python -m tests.sim.store.campaign --store etcd3 --apiservers 3 --faults-per-round 5 \
		--faults kill,kill-etcd,kill-leader --rounds $${ROUNDS:-200} --seed $${SEED:-1}
	PYTHONHASHSEED=0 .venv/bin/python -m tests.sim.controllers.simulation --seeds $${SEEDS:-1-1000}
	.venv/bin/python -m tests.sim.controllers.chaos --deployments 100 --every 1 --seed $${SEED:-1}
	.venv/bin/python -m tests.e2e.kubelet.faults --rounds $${ROUNDS:-200} --seed $${SEED:-1}

gen: install    ## regenerate src/pybernetes/api and the locks
	.venv/bin/python codegen/generate.py
	.venv/bin/python codegen/lock.py
