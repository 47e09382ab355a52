#!/usr/bin/env python3
"""Models with random weights to measure the wire with: what crosses depends on shapes only. Needs the Python packages numpy and gguf.

  scripts/wire/models.py FOLDER tiny gemma3-1b …      writes FOLDER/NAME-f16.gguf; llama-quantize makes other types of it

  tiny        llama, 4 layers, 256 wide, 512 tokens: nothing but overhead, and a long context
  tinydraft   llama, 1 layer, with the vocabulary of tiny
  gemma3-1b   the shape of Gemma 3 1B: 26 layers, 1152 wide, 262144 tokens
  llama7b-8l  8 of the 32 layers of Llama 2 7B: 4096 wide, 32000 tokens

The tokenizer is one token for each byte (BPE without merges), so N ASCII characters are N tokens. The same name gives the same weights.
"""
import argparse, os
import gguf, numpy

SHAPES = {
    "tiny": dict(arch="llama", layers=4, width=256, ff=768, heads=4, kv_heads=2, head=64, vocabulary=512, context=65536),
    "tinydraft": dict(arch="llama", layers=1, width=256, ff=512, heads=4, kv_heads=2, head=64, vocabulary=512, context=65536),
    "gemma3-1b": dict(arch="gemma3", layers=26, width=1152, ff=6912, heads=4, kv_heads=1, head=256, vocabulary=262144, context=32768),
    "llama7b-8l": dict(arch="llama", layers=8, width=4096, ff=11008, heads=32, kv_heads=32, head=128, vocabulary=32000, context=4096),
}


def names_of_bytes():
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def write_metadata(writer, name, shape):
    arch = shape["arch"]
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for key, value in {
        "block_count": shape["layers"], "context_length": shape["context"], "embedding_length": shape["width"], "feed_forward_length": shape["ff"],
        "attention.head_count": shape["heads"], "attention.head_count_kv": shape["kv_heads"], "attention.key_length": shape["head"],
        "attention.value_length": shape["head"], "rope.dimension_count": shape["head"], "vocab_size": shape["vocabulary"],
    }.items():
        writer.add_uint32(f"{arch}.{key}", value)
    if arch == "gemma3":
        writer.add_uint32(f"{arch}.attention.sliding_window", 512)
    writer.add_float32(f"{arch}.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_float32(f"{arch}.rope.freq_base", 10000.0)
    tokens = names_of_bytes() + ["<s>", "</s>"]
    types = [gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * 2
    more = shape["vocabulary"] - len(tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens + [f"w{i:06d}" for i in range(more)])
    writer.add_token_types(types + [gguf.TokenType.NORMAL] * more)
    writer.add_token_merges(["! !"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(257)
    writer.add_add_bos_token(False)


def add_tensors(writer, name, shape):
    random = numpy.random.default_rng(sum(ord(c) * (i + 1) for i, c in enumerate(name)))

    def norm(tensor, size):
        writer.add_tensor(f"{tensor}.weight", numpy.ones(size, numpy.float32))

    def weights(tensor, rows, columns):
        values = random.standard_normal((rows, columns), dtype=numpy.float32)
        writer.add_tensor(f"{tensor}.weight", (values * numpy.float32(0.02)).astype(numpy.float16))

    width, ff, head, gemma = shape["width"], shape["ff"], shape["head"], shape["arch"] == "gemma3"
    query, key = shape["heads"] * head, shape["kv_heads"] * head
    weights("token_embd", shape["vocabulary"], width)
    norm("output_norm", width)
    if not gemma:
        weights("output", shape["vocabulary"], width)
    for layer in range(shape["layers"]):
        block = f"blk.{layer}."
        norm(block + "attn_norm", width)
        weights(block + "attn_q", query, width)
        weights(block + "attn_k", key, width)
        weights(block + "attn_v", key, width)
        weights(block + "attn_output", width, query)
        if gemma:
            norm(block + "attn_q_norm", head)
            norm(block + "attn_k_norm", head)
            norm(block + "post_attention_norm", width)
            norm(block + "post_ffw_norm", width)
        norm(block + "ffn_norm", width)
        weights(block + "ffn_gate", ff, width)
        weights(block + "ffn_up", ff, width)
        weights(block + "ffn_down", width, ff)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("names", nargs="+", choices=SHAPES, metavar="NAME")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    for name in options.names:
        writer = gguf.GGUFWriter(os.path.join(options.folder, f"{name}-f16.gguf"), SHAPES[name]["arch"])
        write_metadata(writer, name, SHAPES[name])
        add_tensors(writer, name, SHAPES[name])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


if __name__ == "__main__":
    main()
