// The version of the interfaces between the program and what it loads. A library says which it was built with by the
// function below; another major version is refused at start with a clear message.
#pragma once

namespace maildock {

constexpr int interfaceVersion = 4;

}  // namespace maildock

// Every module and plugin library has this line once. kind: "module", "authenticator" or "size".
#define MAILDOCK_LIBRARY(kind)                                                            \
    extern "C" __attribute__((visibility("default"))) const char* maildockLibraryKind() { \
        return kind;                                                                      \
    }                                                                                     \
    extern "C" __attribute__((visibility("default"))) int maildockInterfaceVersion() {    \
        return maildock::interfaceVersion;                                                \
    }
