# Each target is a line or two: what it does is in tools/ and in tests/.

.DEFAULT_GOAL := help
PREFIX ?= /usr/local
LIBDIR ?= lib
STRIP ?= strip
where = PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' DESTDIR='$(DESTDIR)' STRIP='$(STRIP)'

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

release: ## the libraries and rredis-doctor as they are shipped, in target/release
	@tools/build release
	@tools/doctor release

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

ledger: ## a million writes, servers killed and replaced and connections cut meanwhile: none lost, none twice
	@tools/ledger

storm: ## 256 threads on a shard of a cluster whose primary is gone: what the others and the dead one have of it
	@tools/storm

reshard: ## 4000 slots of a cluster move under load: no error, no wrong value
	@tools/reshard

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
	@benches/hiredis
	@tools/setup bindings
	@tools/bindings --bench

bench-check: ## instructions, system calls, allocations and page faults are as benches/figures says (RREDIS_BLESS=1 writes it)
	@benches/check

bench-report: ## ten minutes: a table, JSON and a page with bars beside hiredis, redis-rs and redis-py (FULL=1: the matrix)
	@benches/report/run

bindings: ## the bindings of other languages: 100 000 operations each, threads, fork
	@tools/setup bindings
	@tools/bindings

cpp: ## the C++ header, its tests and its pages: g++ and clang++, C++17 and C++20
	@RREDIS_TEST_CPP=all cargo test --quiet --test cpp

header: ## write include/rredis.h and share/rredis from src/ffi
	@RREDIS_BLESS=1 cargo test --quiet --test header it_is_fresh

examples: ## build the pages of examples-c into target/examples
	@tools/examples

run-cpp-NN: ## build and run one page of examples-cpp in that way: make run-cpp-01
	@echo 'NN is the number of a page in examples-cpp, as in: make run-cpp-01'

run-cpp-%:
	@tools/examples cpp $*

run-NN: ## build and run one page against a private server: make run-01
	@echo 'NN is the number of a page in examples-c, as in: make run-01'

run-%:
	@tools/examples $*

doc: ## the manual: a page in target/manual, and man pages
	@tools/manual/draw
	@echo "$${CARGO_TARGET_DIR:-target}/manual/rredis.html, and man3 beside it"

doc-check: ## look at the manual in Chromium, at the width of a desk and of a phone
	@tools/setup doc
	@tools/doc-check

install: ## header, libraries, manual, what pkg-config and CMake read: PREFIX=/usr/local LIBDIR=lib DESTDIR= STRIP=strip
	@$(where) tools/install install

uninstall: ## remove what make install, with the same variables, has put there
	@$(where) tools/install uninstall

install-bindings: ## install the bindings of other languages under PREFIX, staged in DESTDIR
	@tools/bindings --install '$(DESTDIR)' '$(PREFIX)'

dist: ## sources with all crates in them, and the built tree: target/dist
	@tools/dist

deb: ## Debian's packages: target/deb (MAINTAINER='Name <address>')
	@tools/deb

packages: ## install and use it in every way: CMake, Meson, hiredis beside it, offline sources, a bare Debian, cargo cinstall (an hour)
	@tools/setup packages
	@tools/packages

hiredis-proof: ## programs written for hiredis, from their own sources, over the folder hiredis (40 minutes; RREDIS_REDIS_PLUS_PLUS= STRICT=1)
	@RREDIS_TEST_FORMATS=1000000 cargo test --quiet --test hiredis whatever_hiredis_formats
	@tools/hiredis-proof

clean: ## remove what was built
	@cargo clean

.PHONY: help demo test quick check check-32 build release reproducible asan tsan shared cuts ledger storm reshard soak fuzz mutants timers children scale bench bench-check bench-report bindings cpp header examples run-cpp-NN run-NN doc doc-check install uninstall install-bindings dist deb packages hiredis-proof clean
