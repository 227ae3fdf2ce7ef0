// Looks at the TLS certificate and key that a configuration names.
#pragma once

#include <vector>

#include "modules/api/Settings.h"

namespace maildock {

// Findings about the keys `certificateKey` and `privateKeyKey` of kind Path: a file that is missing, unreadable or not
// PEM, a key that does not belong to the certificate, a certificate that has expired, is not valid yet, or expires
// within 14 days, a private key that other users can read. Both empty: nothing to look at. An expired certificate is an
// error here, though the server starts with it: a server that does not start is worse.
[[nodiscard]] std::vector<Finding> checkTlsFiles(const Settings& settings, const std::string& certificateKey,
                                                 const std::string& privateKeyKey);

}  // namespace maildock
