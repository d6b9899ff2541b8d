# Each target is a line or two: what it does is in tools/ and in tests/.

.DEFAULT_GOAL := help
PREFIX ?= /usr/local

help: ## this list
	@sed -nE 's/^([a-zA-Z0-9-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## set up, build, start a private server and run the tour (RREDIS_URL=... for a server of yours)
	@tools/setup demo
	@tools/demo

test: ## set up, and everything must pass
	@tools/setup test
	@tools/test

quick: ## what needs no server, in under a minute
	@tools/quick

check: ## formatting, lints and documentation
	@tools/check

check-32: ## the library as 32-bit Linux compiles it (rustup target add i686-unknown-linux-gnu)
	@tools/check-32

build: ## the debug libraries, in target/debug
	@tools/build debug

release: ## the libraries as they are shipped, in target/release
	@tools/build release

reproducible: ## two builds of the release in two folders are the same bytes
	@tools/reproducible

asan: ## the C programs under AddressSanitizer, Rust side too
	@tools/asan

tsan: ## threads on one client, and waits that are ended, under ThreadSanitizer
	@tools/tsan

shared: ## the suites of attribution, outcomes, retries, wakes and fork where every connection is shared that may be
	@tools/shared

cuts: ## conversations cut after every byte, both ways, in memory and on sockets
	@tools/cuts

ledger: ## a million writes, the server killed and connections cut meanwhile: none lost, none twice
	@tools/ledger

soak: ## a minute of mixed load with a fault a second: descriptors, threads and memory stay as they were
	@tools/soak

fuzz: ## ten minutes of arbitrary trees through every built-in response callback
	@tools/fuzz

mutants: ## faults put into what decides, one at a time: a test must see each (hours; FILE=src/pool/shelf.rs MINUTES=10 SAMPLE=50)
	@tools/setup test
	@tools/mutants/run $(if $(MINUTES),--minutes $(MINUTES)) $(if $(or $(FILE),$(FILES)),--files $(or $(FILE),$(FILES))) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(TESTS),--tests $(TESTS)) $(if $(ONLY),--only '$(ONLY)')

timers: ## timeouts by the thousand, beside a bare poll(2); leave the machine alone meanwhile
	@tools/timers

children: ## 300 children of fork of each kind, of parents whose threads wait everywhere
	@RREDIS_TEST_CHILDREN=300 cargo test --quiet --test children

scale: ## 10 000 connections on one pool, and 2000 threads on 64
	@tools/scale

bench: ## calls, threads, parsers, pipelines and loops against the packaged hiredis, what shapes cost, and what a look-up does
	@benches/calls
	@benches/threads
	@benches/run
	@benches/shape
	@benches/lookup
	@benches/load

bench-check: ## instructions, system calls, allocations and page faults are as benches/figures says (RREDIS_BLESS=1 writes it)
	@benches/check

bench-report: ## ten minutes: a table, JSON and a page with bars beside hiredis, redis-rs and redis-py (FULL=1: the matrix)
	@benches/report/run

bindings: ## LuaJIT, Ruby, Go and Python load the library
	@cargo test --test project bindings::

header: ## write include/rredis.h from src/ffi
	@RREDIS_BLESS=1 cargo test --quiet --test header it_is_fresh

examples: ## build the pages of examples-c into target/examples
	@tools/examples

run-NN: ## build and run one page against a private server: make run-01
	@echo 'NN is the number of a page in examples-c, as in: make run-01'

run-%:
	@tools/examples $*

install: ## install under PREFIX (/usr/local), staged in DESTDIR: header, libraries, rredis.pc
	@tools/install '$(DESTDIR)' '$(PREFIX)'

clean: ## remove what was built
	@cargo clean

.PHONY: help demo test quick check check-32 build release reproducible asan tsan shared cuts ledger soak fuzz mutants timers children scale bench bench-check bench-report bindings header examples run-NN install clean
