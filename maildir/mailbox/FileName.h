// What is in the name of a message file: base name, flags, keyword letters, recorded sizes. The Maildir format
// (cr.yp.to/proto/maildir.html), with Courier's and Dovecot's ",S=" (octets stored) and ",W=" (octets with CRLF) in the
// base name and Dovecot's keyword letters a-z.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "maildir/Types.h"

namespace maildir {

struct FileNameFacts {
    FlagSet flags;
    KeywordSet keywords;  // of the letters a-z
    std::uint64_t recordedStoredOctets = UINT64_MAX;
    std::uint64_t recordedWireOctets = UINT64_MAX;
};

// Up to the first ':', as Dovecot takes it.
std::string_view baseNameOf(std::string_view fileName);
FileNameFacts readFileName(std::string_view fileName);

// The name with these flags and letters; other info letters that the name carries (such as Courier's P for passed)
// stay.
std::string withFlags(std::string_view fileName, FlagSet flags, const KeywordSet& keywords);

// A base name that no other delivery makes: seconds.MmicrosecondsPpidQcount.host.
std::string uniqueBaseName();

// Whether a row of the UID list can hold this base name, and a file name can hold it with flags behind it.
bool isUsableBaseName(std::string_view baseName);

// The number a base name starts with (the time of delivery), for ordering; 0 if there is none.
std::uint64_t deliveryTimeOf(std::string_view baseName);

}  // namespace maildir
