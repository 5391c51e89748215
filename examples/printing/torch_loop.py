"""PyTorch: the loop of the tutorials, with a tqdm bar and a print an epoch."""

import torch
from torch import nn
from tqdm import tqdm

torch.manual_seed(0)
X = torch.randn(400, 8)
y = (X[:, 0] > 0).long()
model, loss_of = nn.Linear(8, 2), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(1, 4):
    bar = tqdm(range(0, 400, 50), desc=f"Epoch {epoch}")
    for start in bar:
        loss = loss_of(model(X[start : start + 50]), y[start : start + 50])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        bar.set_postfix(loss=loss.item())
    accuracy = (model(X).argmax(1) == y).float().mean().item()
    print(f"epoch {epoch}: train_loss={loss.item():.4f} val_acc: {accuracy:.3f}")
