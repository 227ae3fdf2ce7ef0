// Looks at a library before anything of it runs: is it one of ours, of this version, of the kind that is wanted?
#pragma once

#include <stdexcept>
#include <string>

namespace maildock::host {

// A library that can't be used; the text names the file and says why.
class LibraryError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The package of Debian 12 with the library that the loader misses, of its message "libpq.so.5: cannot open shared
// object file: ..."; empty for other messages. Debian's packages have the name of their library and its version (Debian
// Policy 8.1), with a hyphen between digits; a package of several libraries has the name of the first.
std::string debianPackageFor(const std::string& loaderMessage);

// Throws LibraryError unless `path` is a complete ELF library for this machine that loads with all its symbols, says
// the interface version of this program and is of this kind ("module", "authenticator", "size").
void checkLibrary(const std::string& path, const std::string& kind);

}  // namespace maildock::host
