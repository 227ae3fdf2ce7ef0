#include <Poco/ClassLibrary.h>

#include "plugins/size-stored/SizeStored.h"

MAILDOCK_LIBRARY("size")

POCO_BEGIN_MANIFEST(maildock::SizeStrategy)
POCO_EXPORT_CLASS(maildock::SizeStored)
POCO_END_MANIFEST
