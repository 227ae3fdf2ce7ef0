// Joins parameter values that RFC 2231 section 3 splits over several parameters, as Dovecot shows them: many clients
// look for the name "filename" or "filename*" alone.
#pragma once

#include "maildir/message/Structure.h"

namespace imapd {

// title*0, title*1, ... become title; title*0*, title*1, ... become title*. What is no whole sequence from 0 on stays.
maildir::Parameters withoutContinuations(const maildir::Parameters& parameters);

}  // namespace imapd
