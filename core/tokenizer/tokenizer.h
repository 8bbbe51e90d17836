#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rheo {

/// What is said of a text's ids (Tokenizer::remarks).
struct EncodingRemarks {
    std::string twiceBos;  ///< the beginning-of-text token, where the ids begin with two; else empty
    std::vector<std::string> parsed;  ///< special tokens that the text spells out, once each, in order
};

/// Text to token ids and back, exactly as the files of a Hugging Face model say: a tokenizer.json
/// (version 1.0, model BPE or Unigram), vocab.json with merges.txt, the tokenizer.model of SentencePiece, or
/// a GGUF file.
///
/// Equal to the reference implementations (https://github.com/huggingface/tokenizers, 0.23, and AutoTokenizer
/// of transformers 5.24 where tokenizer_config.json decides), with one limit: classes of characters in
/// regular expressions are those of the PCRE2 in use (10.42: Unicode 14), so characters younger than that may
/// be cut otherwise.
///
/// Immutable; every const function may be called from several threads at once.
class Tokenizer {
public:
    /// Largest tokenizer.json that is read (the largest published ones are near 35 MB).
    static constexpr std::uint64_t kMaxFileBytes = std::uint64_t{128} << 20;
    /// Longest text that is encoded at once, in bytes.
    static constexpr std::size_t kMaxTextBytes = std::size_t{8} << 20;
    /// Longest text that is decoded at once, in bytes.
    static constexpr std::size_t kMaxDecodedBytes = std::size_t{32} << 20;

    /// Reads the tokenizer of a model's folder, with tokenizer_config.json and the older files beside it, as
    /// AutoTokenizer of transformers 5.24 does, or that of a GGUF file (readGgufTokenizer). Throws
    /// Error(NotFound) when the folder holds no tokenizer (see findTokenizerFile), else as load().
    static std::shared_ptr<const Tokenizer> open(const std::filesystem::path& folder);

    /// Reads a tokenizer.json alone. Its `truncation` and `padding` shape batches and are not applied here.
    /// Throws Error: NotFound when there is no such file; Format when it is damaged (not JSON, a merge
    /// of unknown pieces, an id twice, a regular expression that does not compile); Unsupported when it
    /// names a model (WordPiece) or a component that is not computed here, by that name.
    /// Cost: one pass over the file; about 0.2 s for 128,000 pieces.
    static std::shared_ptr<const Tokenizer> load(const std::filesystem::path& tokenizerJson);

    /// The same from the text of a tokenizer.json; `name` stands for the file in messages.
    static std::shared_ptr<const Tokenizer> parse(std::string_view json, const std::string& name);

    ~Tokenizer();
    Tokenizer(const Tokenizer&) = delete;
    Tokenizer& operator=(const Tokenizer&) = delete;

    /// Token ids [T] of `utf8`, each in 0 .. size()-1. `addSpecial`: with what the post-processor adds
    /// (such as the beginning-of-text token). Special tokens spelt out in the text are found either way,
    /// unless this is a literal() tokenizer. Throws Error(Format) with the offset of the first bad byte when
    /// `utf8` is not UTF-8, and when a regular expression of the file backtracks without end;
    /// Error(InvalidArgument) beyond kMaxTextBytes; Error(OutOfMemory). Cost: O(n log n) in the length of the
    /// longest word, else linear; 4 to 12 MB/s of prose.
    std::vector<std::int32_t> encode(std::string_view utf8, bool addSpecial = true) const;

    /// Text of `ids` [T] as valid UTF-8 (bytes that form no character become U+FFFD). Ids without a
    /// piece contribute nothing; special tokens are left out unless `keepSpecial`.
    /// Throws Error(InvalidArgument) for a text beyond kMaxDecodedBytes.
    std::string decode(std::span<const std::int32_t> ids, bool keepSpecial = false) const;

    /// The piece of a token as stored in the vocabulary ("Ġthe", "▁the", "<0x0A>").
    /// Empty when no token has this id.
    std::string piece(std::int32_t id) const;

    /// For people: what this token alone contributes to a text, leading space included (" the").
    /// Control characters are shown as ␊ and the like, bytes that are no whole character as <0xE2>.
    std::string pieceText(std::int32_t id) const;
    /// The same, byte for byte: it may end within a character. Empty when no token has this id.
    std::string pieceBytes(std::int32_t id) const;

    /// Highest id + 1, added tokens included. Ids below it without a piece are possible.
    std::int64_t size() const;

    /// Ids of the special tokens, ascending.
    std::vector<std::int32_t> specialIds() const;
    bool isSpecial(std::int32_t id) const;

    /// What a person should know of how the files were read (a renumbered token, a setting without effect).
    const std::vector<std::string>& notes() const;

    /// What a person should know of `ids`, the encoding of a text: whether they begin with two
    /// beginning-of-text tokens, and which special tokens are there beside those that the post-processor
    /// adds. Linear.
    EncodingRemarks remarks(std::span<const std::int32_t> ids) const;

    /// The same tokenizer, to which special tokens spelt out in a text are text like any other. Cheap.
    std::shared_ptr<const Tokenizer> literal() const;

private:
    struct Data;
    Tokenizer(std::shared_ptr<const Data> data, bool literal);
    std::shared_ptr<const Data> m_data;
    bool m_literal;
};

/// Offset in bytes of the first byte of `text` that is not part of valid UTF-8 (no surrogates, nothing
/// overlong, nothing above U+10FFFF; Unicode 15, table 3-7), if any. Linear.
std::optional<std::size_t> firstInvalidUtf8(std::string_view text);

}  // namespace rheo
