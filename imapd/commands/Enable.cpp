#include "imapd/commands/Enable.h"

#include "imapd/commands/Capability.h"
#include "imapd/session/Session.h"

namespace imapd {

namespace {

// True if it was off.
bool turnOn(bool& feature) {
    const bool wasOff = !feature;
    feature = true;
    return wasOff;
}

}  // namespace

std::unique_ptr<Execution> startEnable(Session& session, Arguments&& arguments) {
    WireFeatures& features = session.features();
    const bool offersUtf8 = session.policy().utf8Accept && mayOffer(session.policy(), "UTF8=ACCEPT");
    // Unknown capabilities are passed over without a word; what was enabled before is not told again (RFC 5161 3.1).
    std::string enabled;
    for (const std::string& capability : std::get<Enable>(arguments).capabilities) {
        if (capability == "UTF8=ACCEPT" && offersUtf8) {
            if (turnOn(features.utf8Accept)) enabled += " UTF8=ACCEPT";
            features.utf8 = true;
        } else if (capability == "IMAP4REV2" && mayOffer(session.policy(), "IMAP4rev2")) {
            if (turnOn(features.rev2)) enabled += " IMAP4rev2";
            features.utf8 = true;  // RFC 9051 5.1, appendix A: names and quoted strings are UTF-8 from here on
        }
    }
    session.writer().untagged("ENABLED" + enabled);
    return finished(Reply::ok("ENABLE completed"));
}

}  // namespace imapd
