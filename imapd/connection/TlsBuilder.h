// Makes a TLS configuration of the admin's settings and files. Pure but for the files; any thread.
#pragma once

#include <Poco/Net/Context.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <vector>

#include "imapd/connection/TlsSettings.h"

namespace imapd {

struct TlsConfiguration {
    // With the certificates of other names behind it: they live as long as any connection that began with it.
    Poco::Net::Context::Ptr context;
    std::vector<std::string> warnings;  // for the log: certificates out of their time, or about to be
};

// Throws TlsError.
TlsConfiguration buildTls(const TlsSettings& settings);
// Everything that buildTls() would object to, and what an admin should know of.
std::vector<TlsFinding> checkTls(const TlsSettings& settings);

// Which files these are, without reading them: another file, or another content, has another stamp.
struct FileStamp {
    std::uint64_t device = 0, inode = 0, octets = 0;
    std::int64_t modifiedSeconds = 0, modifiedNanoseconds = 0;
    bool operator==(const FileStamp&) const = default;
};
using FileStamps = std::vector<FileStamp>;
// Of every file that the settings name, in a fixed order; one that is missing has a stamp of zeros.
FileStamps stampsOf(const TlsSettings& settings);

}  // namespace imapd
