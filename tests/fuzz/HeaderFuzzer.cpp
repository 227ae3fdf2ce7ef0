// Header functions take any octets: fields cover the block, decoded text is UTF-8 whatever comes in.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "maildir/message/ContentFields.h"
#include "maildir/message/Header.h"
#include "maildir/message/TextSearch.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

bool isUtf8(const std::string& text) {
    return maildir::toUtf8(text, "utf-8") == text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    std::size_t covered = 0;
    for (const maildir::HeaderField& field : maildir::headerFields(input)) {
        require(field.raw.data() == input.data() + covered);
        covered += field.raw.size();
        require(maildir::unfold(field.value).find('\n') == std::string::npos);
        require(isUtf8(maildir::decodeEncodedWords(field.value)));
        maildir::FieldBudget budget{1000, 50};
        maildir::ContentFields fields;
        maildir::Part part;
        part.envelope = std::make_unique<maildir::EnvelopeFields>();
        const maildir::KnownField known = maildir::knownField(field.name);
        fields.take(known, field.value, part, budget);
        require(budget.octets <= 1000 && budget.parameters <= 50);
        fields.finish(part, false);
        for (const auto* parameters : {&part.parameters, &part.dispositionParameters}) {
            for (const char* name : {"filename", "name", "boundary"}) {
                require(isUtf8(maildir::decodedParameter(*parameters, name).value_or("")));
            }
        }
    }
    bool inGroup = false;
    for (const maildir::Address& address : maildir::parseAddresses(input)) {
        require(inGroup || address.mailbox.has_value());
        if (!address.host) inGroup = address.mailbox.has_value();
    }
    require(!inGroup);
    if (const auto date = maildir::parseDate(input)) require(date->zoneMinutes > -1440 && date->zoneMinutes < 1440);
    return 0;
}
