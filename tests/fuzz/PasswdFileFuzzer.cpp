// Any octets are a passwd-file: nothing crashes, and what is wrong with a line never shows a password.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugins/auth-passwdfile/PasswdFile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto file = maildock::passwdfile::PasswdFile::parse(text, {});
    if (file->faults().size() > file->faultCount()) std::abort();
    (void)file->prevailingPassword().cost();
    (void)file->find("joe");
    return 0;
}
