#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace rheo::test {

/// A GGUF file written by hand, piece by piece, so that each piece can lie.
class GgufBytes {
public:
    std::uint32_t version = 3;
    std::uint64_t tensors = 0, values = 0;  ///< as the header claims them
    std::string body;                       ///< values, then tensors
    std::string data;
    std::size_t alignment = 32;

    template <class T>
    static std::string number(T value) {
        std::string bytes(sizeof(T), '\0');
        std::memcpy(bytes.data(), &value, sizeof(T));
        return bytes;
    }
    static std::string text(const std::string& content) {
        return number<std::uint64_t>(content.size()) + content;
    }

    GgufBytes& raw(const std::string& key, std::uint32_t type, const std::string& bytes) {
        body += text(key) + number(type) + bytes;
        ++values;
        return *this;
    }
    GgufBytes& u32(const std::string& key, std::uint32_t value) { return raw(key, 4, number(value)); }
    GgufBytes& f32(const std::string& key, float value) { return raw(key, 6, number(value)); }
    GgufBytes& flag(const std::string& key, bool value) {
        return raw(key, 7, std::string(1, value ? '\1' : '\0'));
    }
    GgufBytes& string(const std::string& key, const std::string& value) { return raw(key, 8, text(value)); }
    GgufBytes& tensor(const std::string& name, const std::vector<std::uint64_t>& extents, std::uint32_t type,
                      std::uint64_t offset) {
        body += text(name) + number<std::uint32_t>(static_cast<std::uint32_t>(extents.size()));
        for (const std::uint64_t extent : extents) body += number(extent);
        body += number(type) + number(offset);
        ++tensors;
        return *this;
    }
    /// A tensor behind those before it, of zeros.
    GgufBytes& zeros(const std::string& name, const std::vector<std::uint64_t>& extents, std::uint32_t type,
                     std::size_t bytes) {
        data.resize((data.size() + alignment - 1) / alignment * alignment, '\0');
        tensor(name, extents, type, data.size());
        data.resize(data.size() + bytes, '\0');
        return *this;
    }
    std::string bytes() const {
        std::string file = "GGUF" + number(version) + number(tensors) + number(values) + body;
        file.resize((file.size() + alignment - 1) / alignment * alignment, '\0');
        return file + data;
    }
};

/// The least model of Llama: one block, two heads of 8 units, 32 units, a vocabulary of 4.
inline GgufBytes tinyGguf() {
    GgufBytes file;
    file.string("general.architecture", "llama");
    for (const auto& [key, value] : {std::pair{"context_length", 64U},
                                     {"block_count", 1U},
                                     {"embedding_length", 32U},
                                     {"feed_forward_length", 32U},
                                     {"attention.head_count", 2U},
                                     {"rope.dimension_count", 16U}})
        file.u32(std::string("llama.") + key, value);
    file.f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    file.zeros("token_embd.weight", {32, 4}, 8, 4 * 34).zeros("output_norm.weight", {32}, 0, 128);
    for (const char* name : {"attn_norm", "ffn_norm"})
        file.zeros(std::string("blk.0.") + name + ".weight", {32}, 0, 128);
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
        file.zeros(std::string("blk.0.") + name + ".weight", {32, 32}, 2, 32 * 18);
    return file;
}

}  // namespace rheo::test
