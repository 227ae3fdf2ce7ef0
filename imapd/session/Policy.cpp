#include "imapd/session/Policy.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "imapd/session/MailLocation.h"
#include "imapd/session/Networks.h"
#include "modules/api/Variables.h"

namespace imapd {

using maildock::Finding;
using maildock::KeyKind;
using maildock::KeySpec;
using maildock::Settings;

namespace {

struct Role {
    const char* key;
    const char* attribute;
    const char* mailbox;
    const char* aliases;
};

// RFC 6154 2. The aliases are the names that common clients give these folders, in several languages.
constexpr Role roles[] = {
    {"Drafts", "\\Drafts", "Drafts", "Draft, Entwürfe, Entwurf, Brouillons, Borradores, Bozze, Concepten, Rascunhos"},
    {"Sent", "\\Sent", "Sent",
     "Sent Items, Sent Messages, Sent Mail, Gesendet, Gesendete Elemente, Gesendete Objekte, Envoyés, "
     "Éléments envoyés, Enviados, Elementos enviados, Inviati, Posta inviata, Verzonden, Verzonden items"},
    {"Trash", "\\Trash", "Trash",
     "Deleted Items, Deleted Messages, Deleted, Bin, Papierkorb, Gelöschte Elemente, Gelöschte Objekte, Corbeille, "
     "Éléments supprimés, Papelera, Elementos eliminados, Cestino, Posta eliminata, Prullenbak, Verwijderde items, "
     "Lixeira"},
    {"Junk", "\\Junk", "Junk",
     "Spam, Junk E-mail, Junk Email, Junk Mail, Bulk Mail, Junk-E-Mail, Unerwünscht, Courrier indésirable, "
     "Indésirables, "
     "Correo no deseado, Posta indesiderata, Ongewenste e-mail"},
    {"Archive", "\\Archive", "Archive", "Archives, Archiv, Archivo, Archivio, Archief, Arquivo"},
};

KeySpec key(std::string name, KeyKind kind, std::string defaultValue, std::string description) {
    KeySpec spec;
    spec.name = std::move(name);
    spec.kind = kind;
    spec.defaultValue = std::move(defaultValue);
    spec.description = std::move(description);
    return spec;
}

KeySpec bounded(std::string name, KeyKind kind, std::string defaultValue, std::string description, std::int64_t least,
                std::int64_t most) {
    KeySpec spec = key(std::move(name), kind, std::move(defaultValue), std::move(description));
    spec.least = least;
    spec.most = most;
    return spec;
}

KeySpec choice(std::string name, std::vector<std::string> choices, std::string description) {
    KeySpec spec = key(std::move(name), KeyKind::Choice, choices.front(), std::move(description));
    spec.choices = std::move(choices);
    return spec;
}

maildir::Watcher::Mode watchOf(const std::string& text) {
    using Mode = maildir::Watcher::Mode;
    if (text == "on" || text == "true") return Mode::On;
    return text == "off" || text == "false" ? Mode::Off : Mode::Auto;
}

std::optional<maildir::NameEncoding> encodingOf(const std::string& text) {
    if (text == "utf-7") return maildir::NameEncoding::ModifiedUtf7;
    if (text == "utf-8") return maildir::NameEncoding::Utf8;
    if (text == "dovecot-utf-7") return maildir::NameEncoding::DovecotUtf7;
    if (text == "courier-utf-8") return maildir::NameEncoding::CourierUtf8;
    return std::nullopt;
}

void addServerKeys(std::vector<KeySpec>& keys) {
    keys.push_back(
        key("imap.listen", KeyKind::Address, "",
            "Where IMAP is served in the clear and with STARTTLS. If no key of the four is set: port 143 of all "
            "addresses with a certificate, 127.0.0.1:1143 without."));
    keys.push_back(key("imaps.listen", KeyKind::Address, "",
                       "Where IMAP is served over TLS from the start. If no key of the four is set: port 993 of all "
                       "addresses with a certificate."));
    keys.push_back(key("imap.proxy.listen", KeyKind::Address, "",
                       "As imap.listen, for proxies alone: each connection begins with a PROXY header."));
    keys.push_back(key("imaps.proxy.listen", KeyKind::Address, "",
                       "As imaps.listen, for proxies alone: each connection begins with a PROXY header, then TLS."));
    keys.push_back(key("imap.proxy.trusted", KeyKind::List, "",
                       "The networks whose proxies are believed: addresses, CIDR, or local for this machine."));
    keys.push_back(key("tls.certificate", KeyKind::Path, "", "PEM file: the server's certificate, then its chain."));
    keys.push_back(key("tls.key", KeyKind::Path, "", "PEM file: the certificate's private key."));
    keys.push_back(key("tls.sni.*", KeyKind::Path, "",
                       "tls.sni.NAME.certificate, .key and .ocsp: for clients that ask for the host NAME."));
    keys.push_back(key("tls.ocsp", KeyKind::Path, "",
                       "DER file: the authority's OCSP answer, handed out with the certificate; empty: none."));
    keys.push_back(key("tls.clientCa", KeyKind::Path, "",
                       "PEM file: the authorities whose clients' certificates are taken; empty: none is asked for."));
    keys.push_back(key("tls.clientCrl", KeyKind::Path, "",
                       "PEM file: revocation lists of these authorities; empty: none is looked at."));
    keys.push_back(
        choice("tls.clientCertificate", {"optional", "required"}, "Whether a client must show a certificate."));
    keys.push_back(
        choice("tls.minProtocol", {"TLSv1.2", "TLSv1.3", "TLSv1.1", "TLSv1"}, "The oldest TLS version that is taken."));
    keys.push_back(
        key("tls.ciphers", KeyKind::Text, "", "OpenSSL's list of ciphers for TLS 1.2; empty: the system's policy."));
    keys.push_back(bounded("imap.workers", KeyKind::Number, "0",
                           "Threads that serve connections; 0: four times the cores, at least 8.", 0, 256));
    keys.push_back(
        key("imap.id.*", KeyKind::Text, "", "A field that the server tells of itself by ID, such as imap.id.name."));
}

void addMailKeys(std::vector<KeySpec>& keys) {
    keys.push_back(key("mail.location", KeyKind::Text, "%h/Maildir",
                       "The Maildir root, INBOX itself: %u user, %n local part, %d domain, %h home."));
    keys.push_back(choice("mail.accessAs", {"server", "account"},
                          "With whose rights mail is touched: the server's, or those of the account's uid and gid."));
    keys.push_back(key("mail.create", KeyKind::Boolean, "true",
                       "A tree is made for a user who has none; false: then nobody may log in without one."));
    keys.push_back(choice("mail.layout", {"maildir++", "fs"}, "How folders lie in the root: .A.B or A/B."));
    keys.push_back(choice("mail.encoding", {"auto", "utf-7", "dovecot-utf-7", "utf-8", "courier-utf-8"},
                          "How folder names are written on disk; auto looks at the tree."));
    keys.push_back(key("mail.escapeCharacter", KeyKind::Text, "",
                       "Dovecot's mailbox_list_storage_escape_char, if the tree was written with one."));
    keys.push_back(key("namespace.delimiter", KeyKind::Text, "/", "The hierarchy delimiter that clients see: / or ."));
    keys.push_back(key("namespace.prefix", KeyKind::Text, "",
                       "A prefix that clients see before every folder but INBOX, such as INBOX."));
    keys.push_back(
        bounded("mailbox.maxDepth", KeyKind::Number, "31", "How many levels a new mailbox's name may have.", 1, 1000));
    keys.push_back(bounded("mailbox.maxNameLength", KeyKind::Number, "0",
                           "How many characters a new mailbox's name may have, all levels together; 0: as many as the "
                           "file system carries.",
                           0, 10000));
    keys.push_back(key("mailbox.cutLongNames", KeyKind::Boolean, "false",
                       "Existing names longer than mailbox.maxNameLength are cut off where they are listed."));
    keys.push_back(key("mailbox.caseSensitive", KeyKind::Boolean, "true",
                       "Names that differ in case are different; false: a name in another case opens the mailbox."));
    keys.push_back(key("mailbox.deleteWithChildren", KeyKind::Boolean, "true",
                       "A mailbox that has others below it can be deleted; those stay."));
    keys.push_back(key(
        "mailbox.renameAcrossHierarchy", KeyKind::Boolean, "true",
        "RENAME takes a new name with the delimiter in it and creates the levels above; false: such a name is BAD."));
    keys.push_back(key("mailbox.keywords", KeyKind::List, "any",
                       "The keywords that clients see and may set: any, or a list; others stay on disk unseen."));
    keys.push_back(bounded("mailbox.pollInterval", KeyKind::Seconds, "30",
                           "How often folders are looked at for idle clients where they cannot be watched.", 1, 3600));
    keys.push_back(
        choice("mailbox.watch", {"auto", "on", "off", "true", "false"},
               "Watch open mailboxes by inotify: auto where the kind of file system tells of every change, on "
               "(or true) everywhere, off (or false) nowhere; else directory times are looked at."));
    keys.push_back(bounded("mailbox.keptRecords", KeyKind::Number, "2m",
                           "How many message records of recently closed mailboxes stay in memory.", 0,
                           std::int64_t(1) << 32));
    keys.push_back(key(
        "mailbox.autocreate", KeyKind::List, "",
        "Special folders that are created at log-in where they are missing: of Drafts, Sent, Trash, Junk, Archive."));
    for (const Role& role : roles) {
        keys.push_back(key(std::string("mailbox.specialUse.") + role.key, KeyKind::Text, role.mailbox,
                           std::string("The folder with the role ") + role.attribute + "."));
        keys.push_back(
            key(std::string("mailbox.alias.") + role.key, KeyKind::List, role.aliases,
                std::string("Other names of that folder: one that exists has the role, others stand for it.")));
    }
    keys.push_back(key("state.path", KeyKind::Path, "", "Folder for what can be rebuilt, such as the cache."));
    keys.push_back(bounded("cache.memory", KeyKind::Number, "256m",
                           "Octets of derived facts (structures, envelopes) kept in memory.", 1 << 20,
                           std::int64_t(1) << 40));
    keys.push_back(bounded("cache.maxSize", KeyKind::Number, "4g",
                           "Octets that the cache below state.path may take; the mailboxes opened least recently go "
                           "first. 0: no cache on disk.",
                           0, std::int64_t(1) << 50));
}

void addProtocolKeys(std::vector<KeySpec>& keys) {
    keys.push_back(bounded("imap.progressInterval", KeyKind::Seconds, "10",
                           "How often a SEARCH that takes long tells how far it is.", 1, 3600));
    keys.push_back(
        key("imap.parser.strict", KeyKind::Boolean, "false",
            "Commands by the grammar alone; false: what clients send beyond it is taken where its meaning is "
            "plain."));
    keys.push_back(key("imap.parser.extraSpaces", KeyKind::Boolean, "true",
                       "Unless imap.parser.strict: superfluous spaces are taken."));
    keys.push_back(key("imap.parser.tabAfterCommand", KeyKind::Boolean, "false",
                       "A TAB is taken as the delimiter after the command's name."));
    keys.push_back(
        key("imap.parser.anyTag", KeyKind::Boolean, "false", "Any octets up to the first space are taken as a tag."));
    keys.push_back(
        bounded("search.maxNesting", KeyKind::Number, "100", "How deep search keys may be nested.", 1, 1000));
    keys.push_back(key("search.charsets", KeyKind::List, "",
                       "Charsets that SEARCH takes; empty: every one that the library knows."));
    keys.push_back(bounded("imap.limit.message", KeyKind::Number, "100m",
                           "The largest message that APPEND takes, in octets.", 1024, std::int64_t(1) << 40));
    keys.push_back(bounded("imap.limit.literal", KeyKind::Number, "1m",
                           "The largest literal that is no message, in octets.", 1024, 1 << 28));
    keys.push_back(bounded("imap.limit.line", KeyKind::Number, "2m",
                           "The longest command line of a signed-in client, in octets.", 8192, 1 << 28));
    keys.push_back(bounded("imap.limit.badCommands", KeyKind::Number, "20",
                           "Commands in a row that end in BAD before the connection ends; 0: no limit.", 0, 1000000));
    keys.push_back(bounded("imap.limit.perUserAndAddress", KeyKind::Number, "50",
                           "Connections of one user from one address; 0: no limit.", 0, 1000000));
    keys.push_back(bounded("imap.limit.perAddress", KeyKind::Number, "0",
                           "Connections from one address, of IPv6 from one /64; 0: no limit.", 0, 1000000));
    keys.push_back(bounded("imap.limit.unauthenticated", KeyKind::Number, "1000",
                           "Connections in all that have not logged in yet; 0: no limit.", 0, 1000000));
    keys.push_back(bounded("imap.limit.connections", KeyKind::Number, "0",
                           "Connections in all; 0: as many as there are descriptors.", 0, 10000000));
    keys.push_back(key("imap.capabilities", KeyKind::List, "", "Offer only these capabilities; empty: all."));
    keys.push_back(key("imap.announceCapability", KeyKind::Boolean, "true",
                       "CAPABILITY is told in the greeting and after log-in."));
    keys.push_back(key("imap.announceExternalFlags", KeyKind::Boolean, "true", "Flags changed by others are told."));
    keys.push_back(key("imap.unsolicited", KeyKind::Boolean, "false",
                       "New messages and flags are told while no command is in progress."));
    keys.push_back(key("imap.alertAndParse", KeyKind::Boolean, "true",
                       "The codes ALERT, for imap.notice, and PARSE, for damaged headers, are sent."));
    keys.push_back(key("imap.notice", KeyKind::Text, "", "A notice that is told after log-in; empty: none."));
    keys.push_back(key("imap.preauth", KeyKind::Boolean, "true",
                       "maildock --preauth serves a user whom the system vouches for on standard input and output."));
    keys.push_back(
        key("imap.existsAfterExpunge", KeyKind::Boolean, "false", "EXPUNGE responses are followed by EXISTS."));
    keys.push_back(key("imap.codesInInformation", KeyKind::Boolean, "true",
                       "Untagged OK responses carry codes beyond those that SELECT must send; false: MOVE tells "
                       "COPYUID in its tagged response."));
    keys.push_back(key("list.strictReference", KeyKind::Boolean, "false",
                       "LIST and LSUB with a reference that is no level of the hierarchy, or does not end in the "
                       "delimiter, list nothing."));
    keys.push_back(key("list.attributes", KeyKind::List, "", "The attributes that LIST may tell; empty: all."));
    keys.push_back(key("imap.emptyHeaderIsNil", KeyKind::Boolean, "false",
                       "Header fields that are present but empty are NIL in ENVELOPE."));
    keys.push_back(key("imap.sevenBit", KeyKind::Boolean, "false",
                       "Messages are encoded anew as they are sent, so that no octet of them is above 127."));
    keys.push_back(
        key("imap.utf8Accept", KeyKind::Boolean, "false", "Offer UTF8=ACCEPT; some clients handle it badly."));
    keys.push_back(bounded("imap.timeout.inactivity", KeyKind::Seconds, "30m",
                           "A silent client is logged out after this time (RFC 3501 asks for 30 minutes at least).", 1,
                           86400));
    keys.push_back(bounded("imap.timeout.unauthenticated", KeyKind::Seconds, "60",
                           "A client has to log in within this time.", 1, 3600));
    keys.push_back(bounded("imap.idle.keepalive", KeyKind::Seconds, "120",
                           "How often an idle client hears '* OK Still here'.", 1, 1740));
    keys.push_back(key("auth.plaintextWithoutTls", KeyKind::Boolean, "false", "Passwords are taken without TLS."));
    keys.push_back(key("auth.loginDisabledOnTls", KeyKind::Boolean, "false", "LOGINDISABLED is told under TLS too."));
    keys.push_back(key("auth.mechanisms", KeyKind::List, "",
                       "SASL mechanisms to offer; empty: all that the plugins can serve for every user."));
    keys.push_back(choice("auth.external.name", {"any", "email", "commonName"},
                          "Which name of a client certificate is the user's, for EXTERNAL; any: e-mail address, else "
                          "common name."));
    keys.push_back(
        bounded("auth.maxFailures", KeyKind::Number, "4", "Failed log-ins before the connection ends.", 1, 1000));
    keys.push_back(bounded("auth.penalty", KeyKind::Seconds, "1",
                           "How long the answer to a failed log-in is held back; doubles with each.", 0, 60));
    keys.push_back(
        bounded("auth.workers", KeyKind::Number, "4", "Threads on which authentication plugins answer.", 1, 256));
}

constexpr std::size_t maxNoticeOctets = 400;

// RFC 3501 section 9: TEXT-CHAR is a CHAR that ends no line; a client shows printable ones.
bool isNoText(char octet) {
    return octet < ' ' || octet > '~';
}

std::vector<std::string> upper(std::vector<std::string> list) {
    for (std::string& each : list) {
        std::transform(each.begin(), each.end(), each.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    }
    return list;
}

}  // namespace

std::vector<KeySpec> Policy::keys() {
    std::vector<KeySpec> keys;
    addServerKeys(keys);
    addMailKeys(keys);
    addProtocolKeys(keys);
    return keys;
}

Policy Policy::from(const Settings& settings) {
    Policy policy;
    policy.strictParsing = settings.boolean("imap.parser.strict");
    policy.extraSpaces = settings.boolean("imap.parser.extraSpaces");
    policy.tabAfterCommand = settings.boolean("imap.parser.tabAfterCommand");
    policy.anyTag = settings.boolean("imap.parser.anyTag");
    policy.maxSearchNesting = static_cast<std::size_t>(settings.number("search.maxNesting"));
    policy.maxMessageOctets = static_cast<std::uint64_t>(settings.number("imap.limit.message"));
    policy.maxLiteralOctets = static_cast<std::uint64_t>(settings.number("imap.limit.literal"));
    policy.maxLineOctets = static_cast<std::size_t>(settings.number("imap.limit.line"));
    policy.maxBadCommands = static_cast<std::size_t>(settings.number("imap.limit.badCommands"));
    policy.connections.perUserAndNetwork = static_cast<std::size_t>(settings.number("imap.limit.perUserAndAddress"));
    policy.connections.perNetwork = static_cast<std::size_t>(settings.number("imap.limit.perAddress"));
    policy.connections.unauthenticated = static_cast<std::size_t>(settings.number("imap.limit.unauthenticated"));
    policy.connections.all = static_cast<std::size_t>(settings.number("imap.limit.connections"));
    const std::string delimiter = settings.text("namespace.delimiter");
    if (delimiter != "/" && delimiter != ".") throw std::runtime_error("namespace.delimiter: must be / or .");
    policy.delimiter = delimiter[0];
    policy.prefix = settings.text("namespace.prefix");
    policy.mailLocation = settings.text("mail.location");
    policy.createsTrees = settings.boolean("mail.create");
    policy.actsAsAccount = settings.text("mail.accessAs") == "account";
    policy.layout = settings.text("mail.layout") == "fs" ? maildir::Layout::Fs : maildir::Layout::MaildirPlusPlus;
    policy.encoding = encodingOf(settings.text("mail.encoding"));
    const std::string escape = settings.text("mail.escapeCharacter");
    policy.escapeCharacter = escape.empty() ? '\0' : escape[0];
    policy.maxDepth = static_cast<std::size_t>(settings.number("mailbox.maxDepth"));
    policy.maxNameLength = static_cast<std::size_t>(settings.number("mailbox.maxNameLength"));
    policy.cutsLongNames = settings.boolean("mailbox.cutLongNames");
    policy.caseSensitiveNames = settings.boolean("mailbox.caseSensitive");
    policy.deletesWithChildren = settings.boolean("mailbox.deleteWithChildren");
    policy.renamesAcrossHierarchy = settings.boolean("mailbox.renameAcrossHierarchy");
    if (const auto names = settings.list("mailbox.keywords"); names != std::vector<std::string>{"any"})
        policy.keywords = ShownKeywords(names);
    policy.strictReference = settings.boolean("list.strictReference");
    policy.listAttributes = upper(settings.list("list.attributes"));
    policy.tellsMarked = std::find(policy.listAttributes.begin(), policy.listAttributes.end(), "\\MARKED") !=
                         policy.listAttributes.end();
    const std::vector<std::string> created = settings.list("mailbox.autocreate");
    for (const Role& role : roles) {
        SpecialUse use;
        use.attribute = role.attribute;
        use.mailbox = settings.text(std::string("mailbox.specialUse.") + role.key);
        use.autocreate = std::find(created.begin(), created.end(), role.key) != created.end();
        use.aliases = settings.list(std::string("mailbox.alias.") + role.key);
        if (!use.mailbox.empty()) policy.specialUses.push_back(std::move(use));
    }
    policy.allowedCapabilities = upper(settings.list("imap.capabilities"));
    policy.announceCapability = settings.boolean("imap.announceCapability");
    policy.announceExternalFlags = settings.boolean("imap.announceExternalFlags");
    policy.tellsUnasked = settings.boolean("imap.unsolicited");
    policy.alertAndParse = settings.boolean("imap.alertAndParse");
    policy.notice = settings.text("imap.notice");
    policy.mayBePreauthenticated = settings.boolean("imap.preauth");
    policy.existsAfterExpunge = settings.boolean("imap.existsAfterExpunge");
    policy.codesInInformation = settings.boolean("imap.codesInInformation");
    policy.emptyHeaderIsNil = settings.boolean("imap.emptyHeaderIsNil");
    policy.sevenBit = settings.boolean("imap.sevenBit");
    policy.utf8Accept = settings.boolean("imap.utf8Accept");
    policy.searchCharsets = upper(settings.list("search.charsets"));
    policy.inactivityTimeout = std::chrono::seconds(settings.seconds("imap.timeout.inactivity"));
    policy.unauthenticatedTimeout = std::chrono::seconds(settings.seconds("imap.timeout.unauthenticated"));
    policy.idleKeepalive = std::chrono::seconds(settings.seconds("imap.idle.keepalive"));
    policy.progressInterval = std::chrono::seconds(settings.seconds("imap.progressInterval"));
    policy.pollInterval = std::chrono::seconds(settings.seconds("mailbox.pollInterval"));
    policy.proxyNetworks = settings.list("imap.proxy.trusted");
    policy.plaintextWithoutTls = settings.boolean("auth.plaintextWithoutTls");
    policy.loginDisabledOnTls = settings.boolean("auth.loginDisabledOnTls");
    policy.mechanisms = upper(settings.list("auth.mechanisms"));
    policy.maxFailures = static_cast<std::size_t>(settings.number("auth.maxFailures"));
    policy.penalty = std::chrono::seconds(settings.seconds("auth.penalty"));
    policy.exemptNetworks = settings.list("auth.limit.exempt");
    const std::string external = settings.text("auth.external.name");
    policy.externalName = external == "email"        ? Policy::ExternalName::Email
                          : external == "commonName" ? Policy::ExternalName::CommonName
                                                     : Policy::ExternalName::Any;
    policy.authenticationWorkers = static_cast<std::size_t>(settings.number("auth.workers"));
    policy.statePath = settings.path("state.path");
    policy.timesTurns = settings.text("log.level") == "debug" || settings.text("log.level") == "trace";
    policy.cacheMemoryOctets = static_cast<std::uint64_t>(settings.number("cache.memory"));
    policy.cacheFileOctets = static_cast<std::uint64_t>(settings.number("cache.maxSize"));
    policy.keptRecords = static_cast<std::size_t>(settings.number("mailbox.keptRecords"));
    policy.watch = watchOf(settings.text("mailbox.watch"));
    policy.serverId["name"] = "Maildock";
    for (const std::string& name : settings.keysBelow("imap.id.")) {
        policy.serverId[name.substr(std::string("imap.id.").size())] = settings.text(name);
    }
    return policy;
}

namespace {

// Names of folders have no variables: one that was meant as such would be a folder of that name.
void checkFolderNames(const Settings& settings, std::vector<Finding>& findings) {
    const auto look = [&findings](const std::string& key, const std::string& value) {
        for (std::size_t at = value.find('%'); at != std::string::npos; at = value.find('%', at + 1)) {
            if (std::string_view("undh").find(maildock::variableAt(value, at).name) == std::string_view::npos) continue;
            findings.push_back({Finding::Error, key, "has no variables, but `" + value + "` looks as if it had one"});
            return;
        }
    };
    look("namespace.prefix", settings.text("namespace.prefix"));
    for (const Role& role : roles) {
        const std::string specialUse = std::string("mailbox.specialUse.") + role.key;
        const std::string alias = std::string("mailbox.alias.") + role.key;
        look(specialUse, settings.text(specialUse));
        for (const std::string& name : settings.list(alias)) look(alias, name);
    }
}

}  // namespace

std::vector<Finding> Policy::check(const Settings& settings) {
    std::vector<Finding> findings;
    const std::string delimiter = settings.text("namespace.delimiter");
    if (delimiter != "/" && delimiter != ".") {
        findings.push_back({Finding::Error, "namespace.delimiter", "must be / or ."});
    }
    const std::string prefix = settings.text("namespace.prefix");
    if (!prefix.empty() && !delimiter.empty() && prefix.back() != delimiter[0]) {
        findings.push_back({Finding::Error, "namespace.prefix", "must end in the delimiter " + delimiter});
    }
    for (Finding& finding : checkMailLocation(settings.text("mail.location"))) findings.push_back(std::move(finding));
    checkFolderNames(settings, findings);
    if (settings.text("mail.escapeCharacter").size() > 1) {
        findings.push_back({Finding::Error, "mail.escapeCharacter", "must be one character"});
    }
    if (settings.boolean("mailbox.cutLongNames") && settings.number("mailbox.maxNameLength") == 0) {
        findings.push_back({Finding::Warning, "mailbox.cutLongNames", "has no effect without a mailbox.maxNameLength"});
    }
    const std::string notice = settings.text("imap.notice");
    if (notice.size() > maxNoticeOctets || std::any_of(notice.begin(), notice.end(), isNoText)) {
        findings.push_back({Finding::Error, "imap.notice",
                            "must be one line of at most " + std::to_string(maxNoticeOctets) + " ASCII characters"});
    }
    const std::vector<std::string> proxies = settings.list("imap.proxy.trusted");
    for (const std::string& network : proxies) {
        if (!isNetwork(network)) findings.push_back({Finding::Error, "imap.proxy.trusted", network + " is no network"});
    }
    for (const char* const listener : {"imap.proxy.listen", "imaps.proxy.listen"}) {
        if (proxies.empty() && !settings.text(listener).empty()) {
            findings.push_back({Finding::Error, listener, "needs imap.proxy.trusted, or nobody may connect"});
        }
    }
    if (settings.seconds("imap.timeout.inactivity") < 1800) {
        findings.push_back({Finding::Warning, "imap.timeout.inactivity", "RFC 3501 5.4 asks for 30 minutes at least"});
    }
    for (const std::string& name : settings.list("mailbox.autocreate")) {
        const bool isRole =
            std::any_of(std::begin(roles), std::end(roles), [&](const Role& role) { return name == role.key; });
        if (!isRole) {
            findings.push_back(
                {Finding::Error, "mailbox.autocreate",
                 "no special folder is called " + name + ": there are Drafts, Sent, Trash, Junk, Archive"});
        }
    }
    for (const std::string& name : settings.list("mailbox.keywords")) {
        if (!maildir::isKeywordName(name)) {
            findings.push_back({Finding::Error, "mailbox.keywords", name + " cannot be a keyword"});
        }
    }
    for (const std::string& name : upper(settings.list("auth.mechanisms"))) {
        const bool isName =
            name.size() <= 20 && name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == std::string::npos;
        if (!isName) findings.push_back({Finding::Error, "auth.mechanisms", name + " is no name of a mechanism"});
    }
    const std::vector<std::string> plugins = settings.list("auth.plugins");
    for (const std::string& name : settings.list("auth.cacheUnseen")) {
        if (std::find(plugins.begin(), plugins.end(), name) == plugins.end()) {
            findings.push_back({Finding::Error, "auth.cacheUnseen", name + " is none of auth.plugins"});
        }
    }
    return findings;
}

}  // namespace imapd
