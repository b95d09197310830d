"""Models that answer with a narrow vector per token (vLLM 0.32, colbert.py, colpali.py, colqwen3.py, colqwen3_5.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.model_config.families.encoders.bert import BERT
from vllm_costmeter.sources.model_config.families.encoders.modern_bert import modern_bert
from vllm_costmeter.sources.model_config.families.encoders.rotary_bert import jina_roberta
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.lfm2 import lfm2
from vllm_costmeter.sources.model_config.families.multimodal.qwen import QWEN3_5, QWEN3_VL
from vllm_costmeter.sources.model_config.families.multimodal.siglip import PALIGEMMA
from vllm_costmeter.sources.model_config.families.pooling import embedder, projected

_COLBERT_KEYS = ("colbert_dim", "dim", "projection_dim")
_COLPALI_KEYS = ("embedding_dim", "embed_dim", "dim", "projection_dim", "colbert_dim")
_COLQWEN_KEYS = ("embed_dim", "dims", "dim", "projection_dim", "colbert_dim")

COLBERT = Family(projected(BERT.build, *_COLBERT_KEYS), is_pooling=True, is_pipelined=False)
COLBERT_MODERN_BERT = Family(projected(modern_bert, *_COLBERT_KEYS), is_pooling=True, is_pipelined=False)
COLBERT_JINA = Family(projected(jina_roberta, *_COLBERT_KEYS), is_pooling=True, is_pipelined=False)
COLBERT_LFM2 = Family(
    projected(embedder(lfm2), *_COLBERT_KEYS), is_pooling=True, caches_prefixes=False, is_pipelined=False
)
COLPALI = replace(PALIGEMMA, build=projected(PALIGEMMA.build, *_COLPALI_KEYS), is_pooling=True)
COLQWEN3 = replace(QWEN3_VL, build=projected(QWEN3_VL.build, *_COLQWEN_KEYS), is_pooling=True)
COLQWEN3_5 = replace(
    QWEN3_5,
    build=projected(QWEN3_5.build, *_COLQWEN_KEYS, default=128, bias=True),
    is_pooling=True,
    prediction=None,
)
