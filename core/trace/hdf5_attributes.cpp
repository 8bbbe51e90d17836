// Attributes of one value or text.
#include <fmt/format.h>

#include "core/trace/hdf5_state.h"
#include "core/trace/hdf5_types.h"

namespace rheo {

using Lock = Hdf5Lock;

std::optional<std::string> Hdf5File::textAttribute(const std::string& object, const std::string& name) const {
    const Lock lock(hdf5Mutex());
    const Handle opened = m_state->object(object);
    if (H5Aexists(opened.get(), name.c_str()) <= 0) return std::nullopt;
    const Handle attribute(H5Aopen(opened.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle stored(H5Aget_type(attribute.get()), H5Tclose);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (H5Tget_class(stored.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1)
        m_state->fail(ErrorCode::Format, object, fmt::format("attribute {} is not a text", name));
    if (H5Tis_variable_str(stored.get()) > 0) {
        const Handle type = variableString();
        char* raw = nullptr;
        if (H5Aread(attribute.get(), type.get(), &raw) < 0 || raw == nullptr) return std::string();
        std::string text = raw;
        H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, &raw);
        return text;
    }
    const std::size_t size = H5Tget_size(stored.get());
    if (size > (std::size_t{1} << 28))
        m_state->fail(ErrorCode::Format, object, fmt::format("attribute {} is too long", name));
    std::string text(size, '\0');
    if (H5Aread(attribute.get(), stored.get(), text.data()) < 0)
        m_state->fail(ErrorCode::Io, object, fmt::format("attribute {} cannot be read", name));
    return unpadded(std::move(text), H5Tget_strpad(stored.get()));
}

namespace {

template <class T>
std::optional<T> scalarAttribute(const Handle& object, const std::string& name) {
    if (H5Aexists(object.get(), name.c_str()) <= 0) return std::nullopt;
    const Handle attribute(H5Aopen(object.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    T value{};
    if (H5Sget_simple_extent_npoints(space.get()) != 1 ||
        H5Aread(attribute.get(), nativeType<T>(), &value) < 0)
        return std::nullopt;
    return value;
}

}  // namespace

std::optional<std::int64_t> Hdf5File::integerAttribute(const std::string& object,
                                                       const std::string& name) const {
    const Lock lock(hdf5Mutex());
    return scalarAttribute<std::int64_t>(m_state->object(object), name);
}

std::optional<double> Hdf5File::numberAttribute(const std::string& object, const std::string& name) const {
    const Lock lock(hdf5Mutex());
    return scalarAttribute<double>(m_state->object(object), name);
}

namespace {

/// Writes a scalar attribute; an old one of that name is replaced. False if the library refused.
bool putAttribute(const Handle& object, const std::string& name, hid_t stored, hid_t memory,
                  const void* value) {
    if (H5Aexists(object.get(), name.c_str()) > 0) H5Adelete(object.get(), name.c_str());
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(
        H5Acreate2(object.get(), name.c_str(), stored, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    return attribute.valid() && H5Awrite(attribute.get(), memory, value) >= 0;
}

}  // namespace

void Hdf5File::setAttribute(const std::string& object, const std::string& name, const std::string& value) {
    const Lock lock(hdf5Mutex());
    const Handle type = fixedString(value.size(), value.find('\0') != std::string::npos);
    if (!putAttribute(m_state->object(object), name, type.get(), type.get(), value.c_str()))
        m_state->failFromLibrary(object, "writing attribute " + name);
}

void Hdf5File::setAttribute(const std::string& object, const std::string& name, std::int64_t value) {
    const Lock lock(hdf5Mutex());
    if (!putAttribute(m_state->object(object), name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value))
        m_state->failFromLibrary(object, "writing attribute " + name);
}

void Hdf5File::setAttribute(const std::string& object, const std::string& name, double value) {
    const Lock lock(hdf5Mutex());
    if (!putAttribute(m_state->object(object), name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value))
        m_state->failFromLibrary(object, "writing attribute " + name);
}

}  // namespace rheo
