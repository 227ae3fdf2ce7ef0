#include <Poco/ClassLibrary.h>

#include "plugins/auth-gssapi/GssapiAuthenticator.h"

MAILDOCK_LIBRARY("authenticator")

POCO_BEGIN_MANIFEST(maildock::Authenticator)
POCO_EXPORT_CLASS(maildock::gssapi::GssapiAuthenticator)
POCO_END_MANIFEST
