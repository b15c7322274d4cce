//! The forward pass of the Llama family in plain loops, in 64-bit floats: slow and obvious.

use crate::convert::{DecoderConfig, TensorSource};

/// Runs the decoder over `tokens` at `positions`; token `i` sees token `j` if `sees(i, j)`.
/// Returns the logits of every token.
pub fn logits(
    config: &DecoderConfig,
    source: &dyn TensorSource,
    tokens: &[usize],
    positions: &[usize],
    sees: &dyn Fn(usize, usize) -> bool,
) -> Vec<Vec<f32>> {
    let lines = exact_logits(
        config,
        &|name| values(source, name),
        tokens,
        positions,
        sees,
    );
    let rounded = |line: Vec<f64>| line.into_iter().map(|x| x as f32).collect();
    lines.into_iter().map(rounded).collect()
}

/// The values of a tensor.
pub fn values(source: &dyn TensorSource, name: &str) -> Vec<f64> {
    let shape = source.shape(name).unwrap_or_else(|| panic!("no {name}"));
    let mut values = vec![0.0; shape.iter().product()];
    source.read_rows(name, 0..shape[0], &mut values).unwrap();
    values.into_iter().map(f64::from).collect()
}

/// The same with tensors from wherever they are, without rounding.
pub fn exact_logits(
    config: &DecoderConfig,
    tensor: &dyn Fn(&str) -> Vec<f64>,
    tokens: &[usize],
    positions: &[usize],
    sees: &dyn Fn(usize, usize) -> bool,
) -> Vec<Vec<f64>> {
    let embedding = tensor("model.embed_tokens.weight");
    let width = config.hidden;
    let mut stream: Vec<Vec<f64>> = tokens
        .iter()
        .map(|&token| embedding[token * width..][..width].to_vec())
        .collect();
    for layer in 0..config.layers {
        let layer_tensor = |name: &str| tensor(&format!("model.layers.{layer}.{name}"));
        let bias = |module: &str| {
            let has = config.biases.has(module);
            has.then(|| layer_tensor(&format!("{module}.bias")))
        };
        let norm_weight = layer_tensor("input_layernorm.weight");
        let project = |letter: &str, heads: usize| -> Vec<Vec<f64>> {
            let weight = layer_tensor(&format!("self_attn.{letter}_proj.weight"));
            let bias = bias(&format!("self_attn.{letter}_proj"));
            let head_norm = (config.has_qk_norm() && letter != "v")
                .then(|| layer_tensor(&format!("self_attn.{letter}_norm.weight")));
            let mut all = Vec::new();
            for (x, &position) in stream.iter().zip(positions) {
                let mut y = matrix(&weight, &norm(config, x, &norm_weight));
                add(&mut y, bias.as_deref().unwrap_or_default());
                for head in y.chunks_mut(config.head_dim) {
                    if let Some(weight) = &head_norm {
                        head.copy_from_slice(&norm(config, head, weight));
                    }
                    if letter != "v" {
                        rotate(config, head, position);
                    }
                }
                assert_eq!(y.len(), heads * config.head_dim);
                all.push(y);
            }
            all
        };
        let q = project("q", config.heads);
        let k = project("k", config.kv_heads);
        let v = project("v", config.kv_heads);
        let dim = config.head_dim;
        let output = layer_tensor("self_attn.o_proj.weight");
        for i in 0..tokens.len() {
            let mut attended = Vec::new();
            for head in 0..config.heads {
                let kv_head = head / (config.heads / config.kv_heads);
                let query = &q[i][head * dim..][..dim];
                let visible: Vec<usize> = (0..tokens.len()).filter(|&j| sees(i, j)).collect();
                let scores: Vec<f64> = visible
                    .iter()
                    .map(|&j| dot(query, &k[j][kv_head * dim..][..dim]) / (dim as f64).sqrt())
                    .collect();
                let most = scores.iter().copied().fold(f64::MIN, f64::max);
                let powers: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
                let sum: f64 = powers.iter().sum();
                for d in 0..dim {
                    let mixed = visible.iter().zip(&powers);
                    attended.push(mixed.map(|(&j, p)| p / sum * v[j][kv_head * dim + d]).sum());
                }
            }
            add(&mut stream[i], &matrix(&output, &attended));
            let bias = bias("self_attn.o_proj");
            add(&mut stream[i], bias.as_deref().unwrap_or_default());
        }
        let norm_weight = layer_tensor("post_attention_layernorm.weight");
        let gate = layer_tensor("mlp.gate_proj.weight");
        let up = layer_tensor("mlp.up_proj.weight");
        let down = layer_tensor("mlp.down_proj.weight");
        for x in &mut stream {
            let input = norm(config, x, &norm_weight);
            let biased = |module: &str, weight: &[f64], input: &[f64]| {
                let mut output = matrix(weight, input);
                let bias = bias(&format!("mlp.{module}_proj"));
                add(&mut output, bias.as_deref().unwrap_or_default());
                output
            };
            let gated: Vec<f64> = biased("gate", &gate, &input)
                .iter()
                .zip(biased("up", &up, &input))
                .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
                .collect();
            add(x, &biased("down", &down, &gated));
        }
    }
    let last_norm = tensor("model.norm.weight");
    let head = if config.tied_head {
        embedding
    } else {
        tensor("lm_head.weight")
    };
    stream
        .iter()
        .map(|x| matrix(&head, &norm(config, x, &last_norm)))
        .collect()
}

/// Logits of a plain text.
pub fn text_logits(
    config: &DecoderConfig,
    source: &dyn TensorSource,
    tokens: &[usize],
) -> Vec<Vec<f32>> {
    let positions: Vec<usize> = (0..tokens.len()).collect();
    logits(config, source, tokens, &positions, &|i, j| j <= i)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

/// `weight · x` for a row-major weight.
fn matrix(weight: &[f64], x: &[f64]) -> Vec<f64> {
    weight.chunks(x.len()).map(|row| dot(row, x)).collect()
}

fn norm(config: &DecoderConfig, x: &[f64], weight: &[f64]) -> Vec<f64> {
    let mean_square = dot(x, x) / x.len() as f64;
    let scale = 1.0 / (mean_square + f64::from(config.rms_norm_epsilon)).sqrt();
    x.iter().zip(weight).map(|(x, w)| x * scale * w).collect()
}

/// Turns the pairs (i, i + d/2) of a head.
fn rotate(config: &DecoderConfig, head: &mut [f64], position: usize) {
    let half = config.head_dim / 2;
    for (i, frequency) in config.rotary_frequencies().iter().enumerate() {
        let angle = position as f64 * frequency;
        let (sin, cos) = angle.sin_cos();
        let (a, b) = (head[i], head[i + half]);
        head[i] = a * cos - b * sin;
        head[i + half] = b * cos + a * sin;
    }
}
