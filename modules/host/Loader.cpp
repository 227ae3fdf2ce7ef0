#include "modules/host/Loader.h"

#include <Poco/Ascii.h>
#include <Poco/ClassLoader.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "modules/host/Suggestion.h"

namespace maildock::host {

namespace {

constexpr std::string_view sizePrefix = "size-";

void checkName(const std::string& what, const std::string& name) {
    const bool isPlain = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return Poco::Ascii::isAlphaNumeric(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    });
    if (!isPlain) throw LibraryError("`" + name + "` is not the name of " + what);
}

template <class Interface>
std::shared_ptr<Interface> load(const std::string& path, const std::string& kind) {
    checkLibrary(path, kind);
    auto library = std::make_shared<Poco::ClassLoader<Interface>>();
    try {
        library->loadLibrary(path);
        const Poco::Manifest<Interface>& manifest = library->manifestFor(path);
        if (manifest.size() != 1) {
            throw LibraryError("the library " + path + " has " + std::to_string(manifest.size()) +
                               " classes in its manifest, and must have one");
        }
        std::unique_ptr<Interface> object((*manifest.begin())->create());
        // The deleter owns the library, which thus goes after the object.
        return std::shared_ptr<Interface>(object.release(), [library](Interface* made) { delete made; });
    } catch (const LibraryError&) {
        throw;
    } catch (const Poco::Exception& e) {
        throw LibraryError("the library " + path + " can't be used: " + e.displayText());
    } catch (const std::exception& e) {
        // The text is copied while the library, whose exception it may be, is still loaded.
        throw LibraryError("the library " + path + " can't be used: " + e.what());
    }
}

// The names of the libraries PREFIXname.so in a folder, in their order; none if it can't be read. Names of size plugins
// keep their prefix, as their key has it.
std::vector<std::string> librariesIn(const std::string& folder, const std::string& prefix) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator each(folder, error), end; !error && each != end; each.increment(error)) {
        const std::string file = each->path().filename().string();
        if (!file.starts_with(prefix) || !file.ends_with(".so")) continue;
        const std::size_t dropped = prefix == sizePrefix ? 0 : prefix.size();
        names.push_back(file.substr(dropped, file.size() - dropped - 3));
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

std::string Loader::existing(const std::string& subfolder, const std::string& prefix, const std::string& name) const {
    const std::string folder = _folder + "/" + subfolder, path = folder + "/" + prefix + name + ".so";
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::symlink_status(path, error);
    if (status.type() != std::filesystem::file_type::not_found) return path;
    std::string text = "there is no library " + path, known;
    const std::vector<std::string> names = librariesIn(folder, prefix);
    for (const std::string& each : names) known += (known.empty() ? "; there are: " : ", ") + each;
    if (const auto nearest = nearestName(name, names)) known += "; did you mean `" + *nearest + "`?";
    throw LibraryError(text + known);
}

std::shared_ptr<Module> Loader::module(const std::string& name) const {
    checkName("a module", name);
    return load<Module>(existing("modules", "", name), "module");
}

std::shared_ptr<Authenticator> Loader::authenticator(const std::string& name) const {
    checkName("an authentication plugin", name);
    return load<Authenticator>(existing("plugins", "auth-", name), "authenticator");
}

std::shared_ptr<SizeStrategy> Loader::sizeStrategy(const std::string& name) const {
    checkName("a size plugin", name);
    if (!name.starts_with(sizePrefix)) throw LibraryError("`" + name + "` is no size plugin: size-mime is one");
    return load<SizeStrategy>(existing("plugins", std::string(sizePrefix), name.substr(sizePrefix.size())), "size");
}

bool Loader::hasAuthenticator(const std::string& name) const {
    std::error_code ignored;
    return std::filesystem::exists(_folder + "/plugins/auth-" + name + ".so", ignored);
}

std::string Loader::programFolder() {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

std::string Loader::defaultFolder() {
    return (std::filesystem::path(programFolder()) / ".." / "lib" / "maildock").lexically_normal().string();
}

}  // namespace maildock::host
