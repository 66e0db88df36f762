# Each target is one script in scripts/, which does all set-up by itself.
# Pass arguments with ARGS: make demo ARGS="--engine playwright"

.PHONY: help demo serve test check bench docs

help:
	@echo "make demo    set up everything and run the demo flow in a real Chromium"
	@echo "make serve   set up everything and show the latest run in the trace viewer"
	@echo "make test    set up everything and run the tests"
	@echo "make check   lint, types, floors, generated files"
	@echo "make docs    regenerate docs/reference from the code"
	@echo "make bench   measure against other drivers on this machine"

demo serve test check bench docs:
	@scripts/$@ $(ARGS)
