// modules/unresolved.so: a library that lacks a symbol.
#include "modules/api/Version.h"

MAILDOCK_LIBRARY("module")

extern "C" int maildockTestSymbolThatNobodyHas();
extern "C" int callIt() {
    return maildockTestSymbolThatNobodyHas();
}
