// Says what is wrong with a certificate's or a key's file that OpenSSL does not take, and the command that mends it.
// OpenSSL's own reason ("PEM lib") names neither. Pure but for the files, of which at most 1 MiB is read; any thread.
#pragma once

#include <string>

namespace imapd {

// Each gives the rest of a sentence that begins with the file ("is DER, not PEM; ..."), or an empty text if the file
// is none of the mistakes that are known.
std::string faultOfCertificateFile(const std::string& path);
std::string faultOfKeyFile(const std::string& path);

// The key belongs to a certificate of the file which is not its first one: the chain is in the wrong order. The text
// names both certificates; empty if the key belongs to none of them.
std::string faultOfChainOrder(const std::string& certificatePath, const std::string& keyPath);

}  // namespace imapd
