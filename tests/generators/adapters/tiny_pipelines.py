"""Pipelines of diffusers with random weights, a few thousand of them, that really run on a CPU.

Built from configurations alone; each is saved as diffusers saves any pipeline, so that what is
tested begins with a folder, as with real weights.
"""

from __future__ import annotations

import string
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

_WIDTH = 32
_PIECES = [*string.ascii_lowercase, ",", "."]


def tiny_folder(kind: str, folder: Path) -> Path:
    """A folder with ``model_index.json`` of the class called ``kind``."""
    import diffusers

    torch.manual_seed(0)
    builders: dict[str, Any] = {
        "LTXPipeline": _ltx,
        "LTXConditionPipeline": partial(_ltx, shifting=False),
        "LTX2Pipeline": _ltx2,
        "WanPipeline": _wan,
        "HeliosPipeline": _helios,
        "HeliosPyramidPipeline": _helios_pyramid,
    }
    pipeline = getattr(diffusers, kind)(**builders[kind]())
    pipeline.save_pretrained(folder)
    return folder


def _t5_tokenizer() -> Any:
    from transformers import T5Tokenizer

    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    return T5Tokenizer(vocab=special + [(piece, -3.0) for piece in _PIECES], extra_ids=0)


def _t5(kind: str) -> Any:
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        vocab_size=64, d_model=_WIDTH, d_kv=8, d_ff=37, num_layers=1, num_heads=4
    )
    return getattr(transformers, f"{kind}EncoderModel")(config).eval()


def _flow(**settings: Any) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**settings)


def _ltx(*, shifting: bool = True) -> dict[str, Any]:
    from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel

    vae = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        timestep_conditioning=True,
        encoder_causal=True,
        decoder_causal=False,
    )
    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=32,
        num_layers=1,
        caption_channels=_WIDTH,
    )
    return {
        "scheduler": _flow(use_dynamic_shifting=shifting),
        "vae": vae.eval(),
        "text_encoder": _t5("T5"),
        "tokenizer": _t5_tokenizer(),
        "transformer": transformer.eval(),
    }


def _gemma() -> tuple[Any, Any]:
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, GemmaTokenizer

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁"]
    vocab = {piece: place for place, piece in enumerate([*special, *_PIECES])}
    vocab |= {f"<0x{byte:02X}>": len(vocab) + byte for byte in range(256)}
    config = Gemma3Config(
        text_config={
            "vocab_size": 512,
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 8,
        },
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        mm_tokens_per_image=4,
        boi_token_index=500,
        eoi_token_index=501,
        image_token_index=502,
    )
    tokenizer = GemmaTokenizer(vocab=vocab)
    return Gemma3ForConditionalGeneration(config).eval(), tokenizer


def _ltx2() -> dict[str, Any]:
    from diffusers import (
        AutoencoderKLLTX2Audio,
        AutoencoderKLLTX2Video,
        LTX2VideoTransformer3DModel,
    )
    from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder

    text_encoder, tokenizer = _gemma()
    vae = AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        upsample_residual=(False, False, False),
        upsample_factor=(1, 1, 1),
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
        decoder_causal=False,
    )
    audio_vae = AutoencoderKLLTX2Audio(
        base_channels=4,
        ch_mult=(1,),
        num_res_blocks=1,
        latent_channels=2,
        mel_bins=8,
    )
    transformer = LTX2VideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        caption_channels=16,
        rope_double_precision=False,
    )
    connectors = LTX2TextConnectors(
        caption_channels=16,
        text_proj_in_factor=3,
        video_connector_num_attention_heads=4,
        video_connector_attention_head_dim=4,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=None,
        audio_connector_num_attention_heads=4,
        audio_connector_attention_head_dim=4,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None,
        connector_rope_base_seq_len=32,
        rope_double_precision=False,
    )
    vocoder = LTX2Vocoder(
        in_channels=16,
        hidden_channels=16,
        out_channels=2,
        upsample_kernel_sizes=[16, 11, 8],
        upsample_factors=[8, 5, 4],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        output_sampling_rate=16000,
    )
    return {
        "scheduler": _flow(),
        "vae": vae.eval(),
        "audio_vae": audio_vae.eval(),
        "text_encoder": text_encoder,
        "tokenizer": tokenizer,
        "connectors": connectors.eval(),
        "transformer": transformer.eval(),
        "vocoder": vocoder.eval(),
    }


def _wan_vae() -> Any:
    from diffusers import AutoencoderKLWan

    return AutoencoderKLWan(
        base_dim=3,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=0,
        temperal_downsample=[False, True, True],
    ).eval()


def _wan() -> dict[str, Any]:
    from diffusers import WanTransformer3DModel

    transformer = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=_WIDTH,
        freq_dim=32,
        ffn_dim=32,
        num_layers=1,
    )
    return {
        "scheduler": _flow(shift=3.0),
        "vae": _wan_vae(),
        "text_encoder": _t5("UMT5"),
        "tokenizer": _t5_tokenizer(),
        "transformer": transformer.eval(),
    }


def _helios_parts() -> dict[str, Any]:
    from diffusers import HeliosTransformer3DModel

    transformer = HeliosTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=_WIDTH,
        freq_dim=32,
        ffn_dim=32,
        num_layers=1,
        rope_dim=(4, 4, 4),
    )
    return {
        "vae": _wan_vae(),
        "text_encoder": _t5("UMT5"),
        "tokenizer": _t5_tokenizer(),
        "transformer": transformer.eval(),
    }


def _helios() -> dict[str, Any]:
    from diffusers import HeliosScheduler

    return {"scheduler": HeliosScheduler(stages=1, stage_range=[0, 1]), **_helios_parts()}


def _helios_pyramid() -> dict[str, Any]:
    from diffusers import HeliosDMDScheduler

    # With its own γ of a third the covariance of the noise is singular, which only GPUs overlook.
    return {"scheduler": HeliosDMDScheduler(gamma=0.3), "is_distilled": True, **_helios_parts()}
