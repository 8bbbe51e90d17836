#pragma once

#include <array>

#include "core/model/edit_add.h"
#include "core/model/edit_keep_only.h"
#include "core/model/edit_project_out.h"
#include "core/model/edit_scale.h"
#include "core/model/edit_set.h"

namespace rheo {

/// What an edit can do with a state. A new operation is a pair of files and a row here.
inline constexpr std::array editTable{editSet, editAdd, editProjectOut, editKeepOnly, editScale};

}  // namespace rheo
