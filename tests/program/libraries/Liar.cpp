// modules/liar.so: says that it is a module, but its manifest is of another interface.
#include <Poco/ClassLibrary.h>

#include "plugins/size-mime/SizeMime.h"

MAILDOCK_LIBRARY("module")

POCO_BEGIN_MANIFEST(maildock::SizeStrategy)
POCO_EXPORT_CLASS(maildock::SizeMime)
POCO_END_MANIFEST
