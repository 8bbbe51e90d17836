#pragma once

// Types of the HDF5 library. Private to core/trace.

#include <algorithm>
#include <cstdint>
#include <string>

#include "core/trace/hdf5_handles.h"

namespace rheo {

/// As it is in memory.
template <class T>
hid_t nativeType();
template <>
inline hid_t nativeType<float>() {
    return H5T_NATIVE_FLOAT;
}
template <>
inline hid_t nativeType<double>() {
    return H5T_NATIVE_DOUBLE;
}
template <>
inline hid_t nativeType<std::int32_t>() {
    return H5T_NATIVE_INT32;
}
template <>
inline hid_t nativeType<std::int64_t>() {
    return H5T_NATIVE_INT64;
}
template <>
inline hid_t nativeType<std::uint8_t>() {
    return H5T_NATIVE_UINT8;
}
template <>
inline hid_t nativeType<std::uint16_t>() {
    return H5T_NATIVE_UINT16;
}
template <>
inline hid_t nativeType<std::uint64_t>() {
    return H5T_NATIVE_UINT64;
}

/// Files are little-endian whatever the machine.
template <class T>
hid_t storedType();
template <>
inline hid_t storedType<float>() {
    return H5T_IEEE_F32LE;
}
template <>
inline hid_t storedType<double>() {
    return H5T_IEEE_F64LE;
}
template <>
inline hid_t storedType<std::int32_t>() {
    return H5T_STD_I32LE;
}
template <>
inline hid_t storedType<std::int64_t>() {
    return H5T_STD_I64LE;
}
template <>
inline hid_t storedType<std::uint8_t>() {
    return H5T_STD_U8LE;
}
template <>
inline hid_t storedType<std::uint16_t>() {
    return H5T_STD_U16LE;
}
template <>
inline hid_t storedType<std::uint64_t>() {
    return H5T_STD_U64LE;
}

/// A new type: a UTF-8 string of variable length.
inline Handle variableString() {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

/// UTF-8 of up to `length` bytes, padded with zero bytes. At least one zero ends it, unless a string holds
/// such a byte itself.
inline Handle fixedString(std::size_t length, bool holdsZeros) {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), length + 1);
    H5Tset_strpad(type.get(), holdsZeros ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

/// A string of fixed length without its padding.
inline std::string unpadded(std::string text, H5T_str_t padding) {
    if (padding == H5T_STR_NULLTERM)
        text.erase(std::find(text.begin(), text.end(), '\0'), text.end());
    else
        text.erase(text.find_last_not_of(padding == H5T_STR_SPACEPAD ? ' ' : '\0') + 1);
    return text;
}

}  // namespace rheo
