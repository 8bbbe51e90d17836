#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/component.h"
#include "core/tokenizer/tokenizer_file.h"

namespace rheo {

/// A SentencePiece model (tokenizer.model): what of its ModelProto
/// (https://github.com/google/sentencepiece, src/sentencepiece_model.proto) decides the tokens.
///
/// Read here and not by libsentencepiece, because Debian's library carries a protobuf of its own whose
/// symbols clash with those that libtorch loads (signal 11 in one process), and because it trusts its file.
struct SentencePieceFile {
    enum class Type { Normal = 1, Unknown, Control, UserDefined, Unused, Byte };
    struct Piece {
        std::string text;
        float score = 0;
        Type type = Type::Normal;
    };
    static constexpr std::size_t kMaxPieceBytes = 1024;

    std::vector<Piece> pieces;  ///< the id is the index
    bool unigram = true;        ///< else BPE
    bool byteFallback = false;
    std::int32_t unknownId = 0, bosId = 1, eosId = 2;  ///< negative: none
    std::string unknown = "<unk>", bos = "<s>", eos = "</s>";
    std::string charsmap;  ///< see Charsmap; empty: none
    bool dummyPrefix = true;
    bool removeExtraSpaces = true;
    bool escapeSpaces = true;
};

/// Parses the bytes of a tokenizer.model; `name` stands for the file in messages. Throws Error(Format) for
/// what is no such file (a tiktoken file is named as one), is damaged, or exceeds the limits of
/// TokenizerFile; Error(Unsupported) for models of words or characters. Linear.
SentencePieceFile readSentencePiece(std::string_view bytes, const std::string& name);

/// The same model as a tokenizer.json has it, encoding as SentencePiece does: normalizer, pre-tokenizer,
/// model and decoder as transformers 5 builds them. `prefixEveryChunk`: the dummy prefix is put before each
/// stretch between added tokens, not only before the first. Cost of a BPE: the sum of the squares of the
/// lengths of its pieces.
TokenizerFile tokenizerFileOf(const SentencePieceFile& model, bool prefixEveryChunk);

/// Vocabulary and merges alone, merges in order of the id of what they become: what transformers 5 gives to
/// its classes of BPE tokenizers, whatever the model's scores.
TokenizerFile rankedFileOf(const SentencePieceFile& model);

}  // namespace rheo
