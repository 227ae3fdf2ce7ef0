#include "imapd/commands/Capability.h"

#include <algorithm>

#include "imapd/commands/Authenticate.h"
#include "imapd/session/Services.h"
#include "imapd/session/Session.h"

namespace imapd {

namespace {

enum class When { Always, BeforeLogIn, AfterLogIn };

struct Row {
    const char* name;
    When when;
};

constexpr Row rows[] = {
    {"IMAP4rev1", When::Always},               // RFC 3501
    {"IMAP4rev2", When::Always},               // RFC 9051
    {"LITERAL+", When::Always},                // RFC 7888
    {"SASL-IR", When::BeforeLogIn},            // RFC 4959
    {"ID", When::Always},                      // RFC 2971
    {"ENABLE", When::Always},                  // RFC 5161
    {"IDLE", When::Always},                    // RFC 2177
    {"NAMESPACE", When::AfterLogIn},           // RFC 2342
    {"UIDPLUS", When::AfterLogIn},             // RFC 4315
    {"UNSELECT", When::AfterLogIn},            // RFC 3691
    {"CHILDREN", When::AfterLogIn},            // RFC 3348
    {"SPECIAL-USE", When::AfterLogIn},         // RFC 6154
    {"CREATE-SPECIAL-USE", When::AfterLogIn},  // RFC 6154 3
    {"LIST-EXTENDED", When::AfterLogIn},       // RFC 5258
    {"LIST-STATUS", When::AfterLogIn},         // RFC 5819
    {"ESEARCH", When::AfterLogIn},             // RFC 4731
    {"SEARCHRES", When::AfterLogIn},           // RFC 5182
    {"MOVE", When::AfterLogIn},                // RFC 6851
    {"STATUS=SIZE", When::AfterLogIn},         // RFC 8438
    {"BINARY", When::AfterLogIn},              // RFC 3516
    {"INPROGRESS", When::AfterLogIn},          // RFC 9585
};

std::string upperCase(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}

}  // namespace

bool mayOffer(const Policy& policy, const std::string& capability) {
    const auto& allowed = policy.allowedCapabilities;
    const std::string upper = upperCase(capability);
    // Both ask for UTF-8 in names and strings (RFC 6855 3, RFC 9051 5.1).
    if (policy.sevenBit && (upper == "IMAP4REV2" || upper == "UTF8=ACCEPT")) return false;
    return allowed.empty() || std::find(allowed.begin(), allowed.end(), upper) != allowed.end();
}

std::string capabilityText(const Session& session) {
    const Policy& policy = session.policy();
    const bool isLoggedIn = session.state() != Session::State::NotAuthenticated;
    std::string text;
    const auto offer = [&](const std::string& name) {
        if (!mayOffer(policy, name)) return;
        if (!text.empty()) text += ' ';
        text += name;
    };
    // A name of RFC 2060's time, which says nothing; Exchange tells it.
    if (!policy.allowedCapabilities.empty()) offer("IMAP4");
    // Clients that are not told of the capabilities when they log in may not ask again.
    const bool isToldOnce = !policy.announceCapability && !isLoggedIn;
    for (const Row& row : rows) {
        const bool isNow = row.when == When::Always || (row.when == When::AfterLogIn) == isLoggedIn;
        if (isNow || isToldOnce) offer(row.name);
    }
    if (isLoggedIn) {
        if (policy.utf8Accept) offer("UTF8=ACCEPT");  // RFC 6855
        return text;
    }
    if (!session.tls().isActive && session.offersTls()) offer("STARTTLS");
    if (!session.mayLogInPlainly() || policy.loginDisabledOnTls) offer("LOGINDISABLED");
    for (const std::string& mechanism : offeredMechanisms(session)) offer("AUTH=" + mechanism);
    return text;
}

std::unique_ptr<Execution> startCapability(Session& session, Arguments&&) {
    session.writer().untagged("CAPABILITY " + capabilityText(session));
    return finished(Reply::ok("CAPABILITY completed"));
}

}  // namespace imapd
