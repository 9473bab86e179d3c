"""PPO in one file, in the shape of CleanRL's, whose only tie to rltrack is one call of `init`.

    python examples/single_file_ppo.py              about ten seconds on one core
    rltrack ui                                      then look at it in the browser

The training writes for TensorBoard and knows nothing else; `sync_tensorboard=True` records what
it writes. You will see the return of CartPole's episodes rise from about 20 to some hundreds.
Four envs may end an episode on the same step: each return is a point of its own.

Needs: pip install 'rltrack[sb3,tensorboard,analysis]'
"""

import argparse
import time

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical
from torch.utils.tensorboard import SummaryWriter

import rltrack

parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="CartPole-v1")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--total-timesteps", type=int, default=50_000)
parser.add_argument("--learning-rate", type=float, default=1e-3)
parser.add_argument("--num-envs", type=int, default=4)
parser.add_argument("--num-steps", type=int, default=128)
parser.add_argument("--gamma", type=float, default=0.99)
args = parser.parse_args()

torch.set_num_threads(1)  # a policy this small is slower on two
torch.manual_seed(args.seed)
run_name = f"{args.env_id}__ppo__{args.seed}__{int(time.time())}"
run = rltrack.init(project="cleanrl", name=run_name, config=vars(args), sync_tensorboard=True)
writer = SummaryWriter(f"runs/{run_name}")
table = "\n".join(f"|{key}|{value}|" for key, value in vars(args).items())
writer.add_text("hyperparameters", f"|param|value|\n|-|-|\n{table}")


def make_env() -> gym.Env:
    """One env, which tells an episode's return in the info of its last step."""
    return gym.wrappers.RecordEpisodeStatistics(gym.make(args.env_id))


envs = gym.vector.SyncVectorEnv(
    [make_env] * args.num_envs, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP
)
assert isinstance(envs.single_action_space, gym.spaces.Discrete)
inputs = int(np.prod(envs.single_observation_space.shape or ()))
actions_n = int(envs.single_action_space.n)
actor = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, actions_n))
critic = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 1))
parameters = [*actor.parameters(), *critic.parameters()]
optimizer = torch.optim.Adam(parameters, lr=args.learning_rate, eps=1e-5)

shape = (args.num_steps, args.num_envs)
obs = torch.zeros((*shape, inputs))
actions, logprobs, rewards, dones, values = (torch.zeros(shape) for _ in range(5))
global_step, start = 0, time.time()
next_obs = torch.as_tensor(envs.reset(seed=args.seed)[0])
next_done = torch.zeros(args.num_envs)

for _ in range(args.total_timesteps // (args.num_steps * args.num_envs)):
    for step in range(args.num_steps):
        global_step += args.num_envs
        obs[step], dones[step] = next_obs, next_done
        with torch.no_grad():
            policy = Categorical(logits=actor(next_obs))
            actions[step] = action = policy.sample()
            logprobs[step] = policy.log_prob(action)
            values[step] = critic(next_obs).flatten()
        observed, reward, terminated, truncated, infos = envs.step(action.numpy())
        rewards[step] = torch.as_tensor(reward)
        next_obs = torch.as_tensor(observed)
        next_done = torch.as_tensor(terminated | truncated).float()
        if "final_info" in infos:
            finished = infos["final_info"]["episode"]
            for env in np.flatnonzero(infos["_final_info"]):
                writer.add_scalar("charts/episodic_return", finished["r"][env], global_step)
                writer.add_scalar("charts/episodic_length", finished["l"][env], global_step)

    # Advantages, backwards in time: GAE.
    advantages = torch.zeros(shape)
    with torch.no_grad():
        following, not_done, gae = critic(next_obs).flatten(), 1 - next_done, 0.0
        for step in reversed(range(args.num_steps)):
            delta = rewards[step] + args.gamma * following * not_done - values[step]
            gae = advantages[step] = delta + args.gamma * 0.95 * not_done * gae
            following, not_done = values[step], 1 - dones[step]
    returns = advantages + values
    batch = [part.flatten(0, 1) for part in (obs, actions, logprobs, advantages, returns)]

    for order in (torch.randperm(len(batch[0])) for _ in range(4)):
        for picked in order.split(len(order) // 4):
            b_obs, b_actions, b_logprobs, b_advantages, b_returns = (part[picked] for part in batch)
            policy = Categorical(logits=actor(b_obs))
            ratio = (policy.log_prob(b_actions) - b_logprobs).exp()
            b_advantages = (b_advantages - b_advantages.mean()) / (b_advantages.std() + 1e-8)
            clipped = ratio.clamp(0.8, 1.2)
            pg_loss = -torch.min(b_advantages * ratio, b_advantages * clipped).mean()
            v_loss = 0.5 * (critic(b_obs).flatten() - b_returns).square().mean()
            optimizer.zero_grad()
            (pg_loss - 0.01 * policy.entropy().mean() + 0.5 * v_loss).backward()
            nn.utils.clip_grad_norm_(parameters, 0.5)
            optimizer.step()

    writer.add_scalar("losses/value_loss", v_loss.item(), global_step)
    writer.add_scalar("losses/policy_loss", pg_loss.item(), global_step)
    writer.add_scalar("charts/SPS", int(global_step / (time.time() - start)), global_step)

envs.close()
writer.close()
run.finish()

episodes = rltrack.Api().run(run.path).history(["charts/episodic_return"])
first, last = episodes.head(20), episodes.tail(20)
print(f"first 20 episodes: {first['charts/episodic_return'].mean():.0f}")
print(f"last 20 episodes:  {last['charts/episodic_return'].mean():.0f}")
