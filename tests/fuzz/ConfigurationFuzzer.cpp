// Any octets are a configuration file: its entries keep to their limits, its lines exist, its values can be checked.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "modules/host/ProgramKeys.h"
#include "modules/host/PropertiesFile.h"
#include "modules/host/Suggestion.h"
#include "modules/host/Values.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using maildock::host::PropertiesFile;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const PropertiesFile file = PropertiesFile::parse(text, "fuzz");
    const auto isLineEnd = [](char c) { return c == '\n' || c == '\r'; };
    const auto lines = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), isLineEnd)) + 1;
    const auto specs = maildock::host::programKeys();
    unsigned asked = 0;
    for (const auto& entry : file.entries) {
        if (entry.line == 0 || entry.line > lines || entry.key.empty()) std::abort();
        if (entry.key.size() > PropertiesFile::maxKeyOctets || entry.value.size() > PropertiesFile::maxValueOctets) {
            std::abort();
        }
        if (++asked > 20) continue;
        (void)maildock::host::nearestKey(entry.key, specs);
        for (const auto& spec : specs) (void)maildock::host::values::faultOf(spec, entry.value);
        (void)maildock::host::values::isAddress(entry.value);
    }
    return 0;
}
