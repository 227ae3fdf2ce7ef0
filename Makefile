# The names that people and other programs rely on. CMake builds; this file says what to do in which order.
.PHONY: build run check soak bench format format-check tidy clean
.DEFAULT_GOAL := build
jobs := $(shell nproc)
# The compiler's cache serves every clone of this tree on the machine, wherever it lies.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

# build/bin/maildock, build/lib/maildock/modules/*.so, build/lib/maildock/plugins/*.so
build:
	@tools/setup.sh build
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release -- -j$(jobs)

# A server on a demo tree: 127.0.0.1:1143 and :1993, user demo, password demo. Ctrl-C stops it.
run: build
	@tools/demo.sh

# Every test there is, with every sanitizer; about half an hour on two cores.
check:
	@tools/setup.sh check
	@python3 tests/check/check.py

# The long form of what `make check` does for seconds: load and fuzzers.
soak:
	@tools/setup.sh check
	@python3 tests/check/check.py --soak

# The benchmark against Dovecot: a table on standard output. Options by BENCH=, for example
# BENCH="--quick" or BENCH="--rows select_* --out figures.json"; docs/performance.md says what they and the rows mean.
bench: build
	@tools/setup.sh bench
	@bench/run $(BENCH)

format:
	@tools/setup.sh check
	@git ls-files -co --exclude-standard '*.h' '*.cpp' | xargs -r clang-format -i

tidy: build
	@tools/setup.sh check
	@git ls-files '*.cpp' | grep -v '^tests/fuzz/' | xargs -r -P $(jobs) -n 4 clang-tidy -p build --quiet

clean:
	@rm -rf build build-debug build-asan build-tsan build-fuzz
