//! Encoders in plain loops, written from the papers and the names of the published tensors.

use super::checkpoint::Tensors;

type Rows = Vec<Vec<f64>>;

/// A model of some family.
pub struct Reference<'a> {
    pub family: &'a str,
    pub tensors: &'a Tensors,
    /// Places from here on are not seen by any other (BERT and ModernBERT).
    pub seen_tokens: usize,
}

/// What a query of a head gives to a key: how it sees it, and a bias.
type Seen<'a> = dyn Fn(usize, usize, usize) -> Option<f64> + 'a;

const HEADS: usize = 4;

impl<'a> Reference<'a> {
    /// A model all of whose tokens are seen.
    pub fn new(family: &'a str, tensors: &'a Tensors) -> Self {
        Reference {
            family,
            tensors,
            seen_tokens: usize::MAX,
        }
    }
}

impl Reference<'_> {
    /// The vectors of the tokens.
    pub fn tokens(&self, ids: &[u32]) -> Rows {
        match self.family {
            "bert" => self.bert(ids, 0, gelu, true),
            "roberta" => self.bert(ids, 2, gelu_tanh, true),
            "xlm-roberta" => self.bert(ids, 2, gelu, true),
            "distilbert" => self.distil_bert(ids),
            "mpnet" => self.mpnet(ids),
            "modernbert" => self.modern_bert(ids),
            "nomic_bert" => self.nomic_bert(ids),
            "qwen3" => self.qwen3(ids),
            "gemma3_text" => self.gemma3(ids),
            other => panic!("no reference of {other}"),
        }
    }

    fn values(&self, name: &str) -> (&[usize], &[f32]) {
        let (shape, values) = self
            .tensors
            .get(name)
            .unwrap_or_else(|| panic!("no {name}"));
        (shape, values)
    }

    fn row(&self, name: &str, at: usize) -> Vec<f64> {
        let (shape, values) = self.values(name);
        values[at * shape[1]..][..shape[1]]
            .iter()
            .map(|&x| f64::from(x))
            .collect()
    }

    fn linear(&self, x: &Rows, module: &str, has_bias: bool) -> Rows {
        let (shape, weights) = self.values(&format!("{module}.weight"));
        let bias = format!("{module}.bias");
        let product = |row: &Vec<f64>| {
            let of_output = |out: usize| {
                let weights = &weights[out * shape[1]..][..shape[1]];
                let sum: f64 = row
                    .iter()
                    .zip(weights)
                    .map(|(x, &w)| x * f64::from(w))
                    .sum();
                sum + if has_bias {
                    f64::from(self.values(&bias).1[out])
                } else {
                    0.0
                }
            };
            (0..shape[0]).map(of_output).collect()
        };
        x.iter().map(product).collect()
    }

    fn layer_norm(&self, x: &Rows, module: &str, has_bias: bool, epsilon: f64) -> Rows {
        let weights = self.values(&format!("{module}.weight")).1;
        let bias = has_bias.then(|| self.values(&format!("{module}.bias")).1);
        let norm = |row: &Vec<f64>| {
            let n = row.len() as f64;
            let mean = row.iter().sum::<f64>() / n;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
            let of_value = |(at, x): (usize, &f64)| {
                (x - mean) / (variance + epsilon).sqrt() * f64::from(weights[at])
                    + bias.map_or(0.0, |bias| f64::from(bias[at]))
            };
            row.iter().enumerate().map(of_value).collect()
        };
        x.iter().map(norm).collect()
    }

    /// The norm by the root of the mean square, of each part of a row that is as long as the weights.
    fn rms_norm(&self, x: &Rows, module: &str, offset: f64) -> Rows {
        let weights = self.values(&format!("{module}.weight")).1;
        let norm = |part: &[f64]| -> Vec<f64> {
            let square = part.iter().map(|x| x * x).sum::<f64>() / part.len() as f64;
            let scale = 1.0 / (square + 1e-6).sqrt();
            let weighed = part.iter().zip(weights);
            weighed
                .map(|(x, &w)| x * scale * (offset + f64::from(w)))
                .collect()
        };
        let of_row = |row: &Vec<f64>| row.chunks(weights.len()).flat_map(norm).collect();
        x.iter().map(of_row).collect()
    }

    fn bert(&self, ids: &[u32], first: usize, act: fn(f64) -> f64, has_types: bool) -> Rows {
        let mut x = self.embedded(ids, "embeddings.word_embeddings.weight");
        for (place, row) in x.iter_mut().enumerate() {
            add(
                row,
                &self.row("embeddings.position_embeddings.weight", place + first),
            );
            if has_types {
                add(row, &self.row("embeddings.token_type_embeddings.weight", 0));
            }
        }
        let mut x = self.layer_norm(&x, "embeddings.LayerNorm", true, 1e-12);
        for layer in 0..2 {
            let name = |module: &str| format!("encoder.layer.{layer}.{module}");
            let [q, k, v] = ["query", "key", "value"]
                .map(|part| self.linear(&x, &name(&format!("attention.self.{part}")), true));
            let seen = |_, _, key: usize| (key < self.seen_tokens).then_some(0.0);
            let mixed = attend(&q, &k, &v, 8, 1.0 / 8f64.sqrt(), &seen);
            let mixed = self.linear(&mixed, &name("attention.output.dense"), true);
            x = self.layer_norm(
                &sum(&x, &mixed),
                &name("attention.output.LayerNorm"),
                true,
                1e-12,
            );
            let wide = map(&self.linear(&x, &name("intermediate.dense"), true), act);
            let narrow = self.linear(&wide, &name("output.dense"), true);
            x = self.layer_norm(&sum(&x, &narrow), &name("output.LayerNorm"), true, 1e-12);
        }
        x
    }

    fn distil_bert(&self, ids: &[u32]) -> Rows {
        let mut x = self.embedded(ids, "embeddings.word_embeddings.weight");
        for (place, row) in x.iter_mut().enumerate() {
            add(
                row,
                &self.row("embeddings.position_embeddings.weight", place),
            );
        }
        let mut x = self.layer_norm(&x, "embeddings.LayerNorm", true, 1e-12);
        for layer in 0..2 {
            let name = |module: &str| format!("transformer.layer.{layer}.{module}");
            let [q, k, v] = ["q", "k", "v"]
                .map(|part| self.linear(&x, &name(&format!("attention.{part}_lin")), true));
            let mixed = attend(&q, &k, &v, 8, 1.0 / 8f64.sqrt(), &|_, _, _| Some(0.0));
            let mixed = self.linear(&mixed, &name("attention.out_lin"), true);
            x = self.layer_norm(&sum(&x, &mixed), &name("sa_layer_norm"), true, 1e-12);
            let wide = map(&self.linear(&x, &name("ffn.lin1"), true), |x| x.max(0.0));
            let narrow = self.linear(&wide, &name("ffn.lin2"), true);
            x = self.layer_norm(&sum(&x, &narrow), &name("output_layer_norm"), true, 1e-12);
        }
        x
    }

    fn mpnet(&self, ids: &[u32]) -> Rows {
        let mut x = self.embedded(ids, "embeddings.word_embeddings.weight");
        for (place, row) in x.iter_mut().enumerate() {
            add(
                row,
                &self.row("embeddings.position_embeddings.weight", place + 2),
            );
        }
        let mut x = self.layer_norm(&x, "embeddings.LayerNorm", true, 1e-12);
        // Of 8 buckets, 4 to a side: distances 0 and 1, then 2 to 15, then the rest.
        let bucket = |query: usize, key: usize| {
            let far = query.abs_diff(key);
            let near = if far < 2 {
                far
            } else if far < 16 {
                2
            } else {
                3
            };
            near + if key > query { 4 } else { 0 }
        };
        let biases = "encoder.relative_attention_bias.weight";
        let seen = |head: usize, query: usize, key: usize| {
            Some(self.row(biases, bucket(query, key))[head])
        };
        for layer in 0..2 {
            let name = |module: &str| format!("encoder.layer.{layer}.{module}");
            let [q, k, v] = ["q", "k", "v"]
                .map(|part| self.linear(&x, &name(&format!("attention.attn.{part}")), true));
            let mixed = attend(&q, &k, &v, 8, 1.0 / 8f64.sqrt(), &seen);
            let mixed = self.linear(&mixed, &name("attention.attn.o"), true);
            x = self.layer_norm(&sum(&x, &mixed), &name("attention.LayerNorm"), true, 1e-12);
            let wide = map(&self.linear(&x, &name("intermediate.dense"), true), gelu);
            let narrow = self.linear(&wide, &name("output.dense"), true);
            x = self.layer_norm(&sum(&x, &narrow), &name("output.LayerNorm"), true, 1e-12);
        }
        x
    }

    fn modern_bert(&self, ids: &[u32]) -> Rows {
        let norm = |x: &Rows, module: &str| self.layer_norm(x, module, false, 1e-5);
        let x = self.embedded(ids, "embeddings.tok_embeddings.weight");
        let mut x = norm(&x, "embeddings.norm");
        for layer in 0..4 {
            let name = |module: &str| format!("layers.{layer}.{module}");
            let input = if layer == 0 {
                x.clone()
            } else {
                norm(&x, &name("attn_norm"))
            };
            let [q, k, v] = thirds(&self.linear(&input, &name("attn.Wqkv"), false));
            let is_global = layer % 3 == 0;
            let theta = if is_global { 160_000.0 } else { 10_000.0 };
            let (q, k) = (rotated(&q, 8, theta), rotated(&k, 8, theta));
            let seen = |_, query: usize, key: usize| {
                let is_near = is_global || query.abs_diff(key) <= 3;
                (is_near && key < self.seen_tokens).then_some(0.0)
            };
            let mixed = attend(&q, &k, &v, 8, 1.0 / 8f64.sqrt(), &seen);
            x = sum(&x, &self.linear(&mixed, &name("attn.Wo"), false));
            let both = self.linear(&norm(&x, &name("mlp_norm")), &name("mlp.Wi"), false);
            let gated = |row: &Vec<f64>| (0..48).map(|i| gelu(row[i]) * row[48 + i]).collect();
            let wide: Rows = both.iter().map(gated).collect();
            x = sum(&x, &self.linear(&wide, &name("mlp.Wo"), false));
        }
        norm(&x, "final_norm")
    }

    fn nomic_bert(&self, ids: &[u32]) -> Rows {
        let mut x = self.embedded(ids, "embeddings.word_embeddings.weight");
        for row in &mut x {
            add(row, &self.row("embeddings.token_type_embeddings.weight", 0));
        }
        let mut x = self.layer_norm(&x, "emb_ln", true, 1e-12);
        for layer in 0..2 {
            let name = |module: &str| format!("encoder.layers.{layer}.{module}");
            let [q, k, v] = thirds(&self.linear(&x, &name("attn.Wqkv"), false));
            let (q, k) = (rotated(&q, 8, 1_000.0), rotated(&k, 8, 1_000.0));
            let mixed = attend(&q, &k, &v, 8, 1.0 / 8f64.sqrt(), &|_, _, _| Some(0.0));
            let mixed = self.linear(&mixed, &name("attn.out_proj"), false);
            x = self.layer_norm(&sum(&x, &mixed), &name("norm1"), true, 1e-12);
            let up = self.linear(&x, &name("mlp.fc11"), false);
            let gate = map(&self.linear(&x, &name("mlp.fc12"), false), silu);
            let narrow = self.linear(&product(&up, &gate), &name("mlp.fc2"), false);
            x = self.layer_norm(&sum(&x, &narrow), &name("norm2"), true, 1e-12);
        }
        x
    }

    fn qwen3(&self, ids: &[u32]) -> Rows {
        let mut x = self.embedded(ids, "embed_tokens.weight");
        for layer in 0..2 {
            let name = |module: &str| format!("layers.{layer}.{module}");
            let input = self.rms_norm(&x, &name("input_layernorm"), 0.0);
            let [q, k, v] = ["q", "k", "v"]
                .map(|part| self.linear(&input, &name(&format!("self_attn.{part}_proj")), false));
            let q = rotated(&self.rms_norm(&q, &name("self_attn.q_norm"), 0.0), 16, 1e6);
            let k = rotated(&self.rms_norm(&k, &name("self_attn.k_norm"), 0.0), 16, 1e6);
            let before = |_, query: usize, key: usize| (key <= query).then_some(0.0);
            let mixed = attend(&q, &k, &v, 16, 0.25, &before);
            x = sum(&x, &self.linear(&mixed, &name("self_attn.o_proj"), false));
            let input = self.rms_norm(&x, &name("post_attention_layernorm"), 0.0);
            let gate = map(&self.linear(&input, &name("mlp.gate_proj"), false), silu);
            let up = self.linear(&input, &name("mlp.up_proj"), false);
            let narrow = self.linear(&product(&gate, &up), &name("mlp.down_proj"), false);
            x = sum(&x, &narrow);
        }
        self.rms_norm(&x, "norm", 0.0)
    }

    fn gemma3(&self, ids: &[u32]) -> Rows {
        let mut x = self.embedded(ids, "embed_tokens.weight");
        x = map(&x, |x| x * 32f64.sqrt());
        for layer in 0..3 {
            let name = |module: &str| format!("layers.{layer}.{module}");
            let norm = |x: &Rows, module: &str| self.rms_norm(x, &name(module), 1.0);
            let input = norm(&x, "input_layernorm");
            let [q, k, v] = ["q", "k", "v"]
                .map(|part| self.linear(&input, &name(&format!("self_attn.{part}_proj")), false));
            let is_global = layer == 2;
            let theta = if is_global { 1e6 } else { 1e4 };
            let q = rotated(&norm(&q, "self_attn.q_norm"), 16, theta);
            let k = rotated(&norm(&k, "self_attn.k_norm"), 16, theta);
            let seen = |_, query: usize, key: usize| {
                (is_global || query.abs_diff(key) <= 4).then_some(0.0)
            };
            let mixed = attend(&q, &k, &v, 16, 1.0 / 20f64.sqrt(), &seen);
            let mixed = self.linear(&mixed, &name("self_attn.o_proj"), false);
            x = sum(&x, &norm(&mixed, "post_attention_layernorm"));
            let input = norm(&x, "pre_feedforward_layernorm");
            let gate = map(
                &self.linear(&input, &name("mlp.gate_proj"), false),
                gelu_tanh,
            );
            let up = self.linear(&input, &name("mlp.up_proj"), false);
            let narrow = self.linear(&product(&gate, &up), &name("mlp.down_proj"), false);
            x = sum(&x, &norm(&narrow, "post_feedforward_layernorm"));
        }
        self.rms_norm(&x, "norm", 1.0)
    }

    fn embedded(&self, ids: &[u32], table: &str) -> Rows {
        ids.iter().map(|&id| self.row(table, id as usize)).collect()
    }
}

/// Pools by a mode of sentence-transformers, and scales to length 1.
pub fn pooled(tokens: &Rows, mode: &str) -> Vec<f64> {
    let width = tokens[0].len();
    let column = |at: usize| tokens.iter().map(move |row| row[at]);
    let mean = |at: usize| column(at).sum::<f64>() / tokens.len() as f64;
    let mut vector: Vec<f64> = match mode {
        "cls" => tokens[0].clone(),
        "lasttoken" => tokens[tokens.len() - 1].clone(),
        "max" => (0..width)
            .map(|at| column(at).fold(f64::MIN, f64::max))
            .collect(),
        "mean_sqrt_len" => {
            let root = (tokens.len() as f64).sqrt();
            (0..width).map(|at| mean(at) * root).collect()
        }
        _ => (0..width).map(mean).collect(),
    };
    scale(&mut vector);
    vector
}

/// The same without the scaling, for what stands behind the pooling.
pub fn scale(vector: &mut [f64]) {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
}

fn attend(q: &Rows, k: &Rows, v: &Rows, dim: usize, scale: f64, seen: &Seen<'_>) -> Rows {
    let shared = HEADS / (k[0].len() / dim);
    let of_query = |query: usize| {
        let mut row = Vec::new();
        for head in 0..HEADS {
            let at = head / shared * dim;
            let score = |key: usize| {
                let pairs = q[query][head * dim..][..dim].iter().zip(&k[key][at..]);
                let product: f64 = pairs.map(|(x, y)| x * y).sum();
                seen(head, query, key).map_or(f64::NEG_INFINITY, |bias| product * scale + bias)
            };
            let scores: Vec<f64> = (0..k.len()).map(score).collect();
            let most = scores.iter().copied().fold(f64::MIN, f64::max);
            let shares: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
            let total: f64 = shares.iter().sum();
            row.extend((0..dim).map(|value| {
                let parts = shares.iter().zip(v).map(|(share, v)| share * v[at + value]);
                parts.sum::<f64>() / total
            }));
        }
        row
    };
    (0..q.len()).map(of_query).collect()
}

/// Halves of each head turned by the place of the row.
fn rotated(x: &Rows, dim: usize, theta: f64) -> Rows {
    let of_row = |(place, row): (usize, &Vec<f64>)| {
        let mut out = row.clone();
        for head in (0..row.len()).step_by(dim) {
            for at in 0..dim / 2 {
                let angle = place as f64 * theta.powf(-2.0 * at as f64 / dim as f64);
                let (a, b) = (row[head + at], row[head + at + dim / 2]);
                out[head + at] = a * angle.cos() - b * angle.sin();
                out[head + at + dim / 2] = b * angle.cos() + a * angle.sin();
            }
        }
        out
    };
    x.iter().enumerate().map(of_row).collect()
}

fn thirds(x: &Rows) -> [Rows; 3] {
    let width = x[0].len() / 3;
    [0, 1, 2].map(|part| {
        x.iter()
            .map(|row| row[part * width..][..width].to_vec())
            .collect()
    })
}

fn map(x: &Rows, f: impl Fn(f64) -> f64) -> Rows {
    x.iter()
        .map(|row| row.iter().map(|&x| f(x)).collect())
        .collect()
}

fn add(row: &mut [f64], other: &[f64]) {
    row.iter_mut().zip(other).for_each(|(x, y)| *x += y);
}

fn sum(x: &Rows, y: &Rows) -> Rows {
    let mut sum = x.clone();
    sum.iter_mut()
        .zip(y)
        .for_each(|(row, other)| add(row, other));
    sum
}

fn product(x: &Rows, y: &Rows) -> Rows {
    let rows = x.iter().zip(y);
    rows.map(|(x, y)| x.iter().zip(y).map(|(x, y)| x * y).collect())
        .collect()
}

pub fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / 2f64.sqrt()))
}

fn gelu_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// By its series, which converges fast enough for what occurs here.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}
