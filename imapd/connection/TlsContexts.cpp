#include "imapd/connection/TlsContexts.h"

#include <utility>

namespace imapd {

namespace {
constexpr std::chrono::hours longestUse{12};
}  // namespace

std::vector<std::string> TlsContexts::replace(const TlsSettings& settings) {
    FileStamps stamps = stampsOf(settings);  // before the files are read: what changes meanwhile shows later
    TlsConfiguration next = buildTls(settings);
    const Clock::time_point now = Clock::now();
    const MutexLock lock(_mutex);
    std::swap(_current, next.context);
    _settings = settings;
    _stamps = std::move(stamps);
    _built = now;
    _lastFailure.clear();
    _nextLook = (now + _lookInterval).time_since_epoch().count();
    return std::move(next.warnings);
}

std::vector<TlsFinding> TlsContexts::check(const TlsSettings& settings) {
    return checkTls(settings);
}

Poco::Net::Context::Ptr TlsContexts::current() const {
    const MutexLock lock(_mutex);
    return _current;
}

Poco::Net::Context::Ptr TlsContexts::fresh() {
    const Clock::time_point now = Clock::now();
    Clock::rep due = _nextLook;
    // Whoever moves the time on does the work.
    if (now.time_since_epoch().count() >= due &&
        _nextLook.compare_exchange_strong(due, (now + _lookInterval).time_since_epoch().count())) {
        lookAtFiles();
    }
    return current();
}

void TlsContexts::lookAtFiles() {
    TlsSettings settings;
    FileStamps known;
    Poco::Net::Context::Ptr before;
    const Clock::time_point now = Clock::now();
    {
        const MutexLock lock(_mutex);
        if (!_current) return;
        before = _current;
        settings = _settings;
        known = _stamps;
        if (now - _built >= longestUse) known.clear();
    }
    FileStamps stamps = stampsOf(settings);
    if (stamps == known) return;
    try {
        TlsConfiguration next = buildTls(settings);
        {
            const MutexLock lock(_mutex);
            if (_current != before) return;  // a reload came in between, and its word is the newer one
            std::swap(_current, next.context);
            _stamps = std::move(stamps);
            _built = now;
            _lastFailure.clear();
        }
        if (!known.empty()) report("The TLS files have changed and were read again", false);
        for (const std::string& warning : next.warnings) report(warning, true);
    } catch (const TlsError& error) {
        const std::string text = error.what();
        {
            const MutexLock lock(_mutex);
            if (_lastFailure == text) return;  // once is enough
            _lastFailure = text;
        }
        report("The TLS files cannot be taken; the ones before stay in use: " + text, true);
    }
}

void TlsContexts::report(const std::string& line, bool isWarning) {
    if (_log) _log(line, isWarning);
}

}  // namespace imapd
