// What a FETCH asks of every message, worked out once: which plain items, which sections, whether \Seen is set.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "imapd/parser/Command.h"
#include "imapd/response/ResponseWriter.h"

namespace imapd {

struct FetchPlan {
    // A section of the message: BODY[...], or one of the RFC822 items, which are sections by another name.
    struct Part {
        enum Form { AsSent, Decoded, DecodedSize };  // BODY, BINARY, BINARY.SIZE
        Form form = AsSent;
        Section section;
        std::string name;        // as the response names it: "BODY[1]", "RFC822.TEXT"
        std::string derivedKey;  // chosen header fields of the message itself are kept under it; empty: not kept
        bool isPartial = false;
        std::uint64_t first = 0, count = UINT64_MAX;

        [[nodiscard]] bool choosesFields() const {
            return section.kind == Section::HeaderFields || section.kind == Section::HeaderFieldsNot;
        }
    };
    bool uid = false, flags = false, internalDate = false, size = false;
    bool envelope = false, body = false, bodyStructure = false;
    bool setsSeen = false;
    std::vector<Part> parts;

    [[nodiscard]] bool showsStructure() const { return envelope || body || bodyStructure; }
    // Of messages of which all that is kept is known.
    [[nodiscard]] bool readsContent() const {
        return std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.derivedKey.empty(); });
    }
    // The item asked for twice is answered once; sections are answered as often as they are asked for.
    static FetchPlan of(const Fetch& fetch, const WireFeatures& features);
};

}  // namespace imapd
